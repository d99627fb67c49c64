package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/alma-events/alma"
)

// DefaultThreshold is the similarity from which memories are merged.
const DefaultThreshold = 0.85

// mergeAttempts is how often a group is formed anew because one of its
// memories changed meanwhile.
const mergeAttempts = 3

// Request asks to merge similar memories of one agent and project; empty names
// mean the memories that have none.
type Request struct {
	Agent     string
	ProjectID string
	Type      alma.MemoryType // Defaults to all kinds, one after another.
	Threshold float64         // Over 0, at most 1. Defaults to DefaultThreshold.
	DryRun    bool            // Only report what would be merged: change and emit nothing.
}

// Report says what a consolidation did, or would do.
type Report struct {
	DryRun     bool    `json:"dry_run"`
	Considered int     `json:"considered"` // Memories that were looked at.
	Merged     int     `json:"merged"`     // Memories that are gone into others.
	Groups     []Group `json:"groups"`
}

// Group is a set of similar memories that became one.
type Group struct {
	Type       alma.MemoryType `json:"memory_type"`
	MergedInto string          `json:"merged_into"` // The memory that is kept, under its id.
	MergedFrom []string        `json:"merged_from"` // The others, now deleted; the most confident first.
	Result     json.RawMessage `json:"result"`      // The data of the memory that is kept.
	// Skipped says why the group was left as it is; empty when it was merged.
	Skipped string `json:"skipped,omitempty"`
}

// Consolidate merges memories whose similarity reaches the threshold. Each
// group is merged in one transaction together with its CONSOLIDATED event, so
// no group is ever half merged; groups do not depend on one another. When an
// error ends the call, the report holds the groups merged until then.
//
// Groups are formed outside the transactions, which check that no memory
// changed meanwhile; where one did, the group is formed anew, and reported as
// skipped when that happens three times.
//
// See the package documentation for what similarity and merging mean.
func (s *Store) Consolidate(ctx context.Context, r Request) (Report, error) {
	report := Report{DryRun: r.DryRun, Groups: []Group{}}
	if r.Threshold == 0 {
		r.Threshold = DefaultThreshold
	}
	if err := r.check(); err != nil {
		return report, err
	}
	types := []alma.MemoryType{r.Type}
	if r.Type == "" {
		types = alma.MemoryTypes()
	}
	for _, t := range types {
		memories, err := s.all(ctx, alma.MemoryQuery{Type: t, Agent: r.Agent, ProjectID: r.ProjectID, Exact: true}, 0)
		if err != nil {
			return report, err
		}
		report.Considered += len(memories)
		if err := s.consolidate(ctx, r, memories, 1, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

func (r *Request) check() error {
	var faults alma.Faults
	if r.Type != "" {
		alma.CheckMemoryType(&faults, "memory_type", r.Type)
	}
	if !(r.Threshold > 0 && r.Threshold <= 1) {
		faults.Addf("threshold", "%v is out of range; want more than 0 and at most 1", r.Threshold)
	}
	return faults.Err()
}

// consolidate groups memories of one kind and merges each group. attempt
// counts how often these memories have been grouped.
func (s *Store) consolidate(ctx context.Context, r Request, memories []alma.Memory, attempt int, report *Report) error {
	groups, err := s.similar(ctx, memories, r.Threshold)
	if err != nil {
		return err
	}
	for _, members := range groups {
		if err := s.mergeGroup(ctx, r, members, attempt, report); err != nil {
			return err
		}
	}
	return nil
}

// mergeGroup merges a group: in one step, unless it is so large that one event
// could not name all its members.
func (s *Store) mergeGroup(ctx context.Context, r Request, members []alma.Memory, attempt int, report *Report) error {
	for len(members) > 1 {
		n := mergeable(members)
		merged, g, err := s.merge(ctx, r, members[:n])
		if errors.Is(err, alma.ErrConflict) && attempt < mergeAttempts {
			return s.regroup(ctx, r, members, attempt+1, report)
		}
		if err := g.judge(err); err != nil {
			return err
		}
		report.Groups = append(report.Groups, g)
		if g.Skipped != "" {
			return nil
		}
		report.Merged += len(g.MergedFrom)
		members = append([]alma.Memory{merged}, members[n:]...)
	}
	return nil
}

func (s *Store) merge(ctx context.Context, r Request, members []alma.Memory) (alma.Memory, Group, error) {
	merged, g, err := merge(members)
	if err == nil && !r.DryRun {
		err = s.commit(ctx, mergePlan(&merged, members, g))
	}
	return merged, g, err
}

// judge turns what keeps a group from being merged into the reason to skip it,
// and returns what ends the whole call.
func (g *Group) judge(err error) error {
	var invalid *alma.ValidationError
	switch {
	case errors.Is(err, alma.ErrConflict):
		g.Skipped = "its memories keep being changed by others"
	case errors.As(err, &invalid):
		g.Skipped = "the merged memory would be invalid: " + err.Error()
	default:
		return err
	}
	return nil
}

func (s *Store) regroup(ctx context.Context, r Request, members []alma.Memory, attempt int, report *Report) error {
	current, err := s.storage.GetMemories(ctx, ids(members))
	if err != nil {
		return fmt.Errorf("alma: consolidate memories: %w", err)
	}
	return s.consolidate(ctx, r, current, attempt, report)
}
