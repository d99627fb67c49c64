package api

import (
	"fmt"
	"net/http"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

type retrieveInput struct {
	Query     string            `json:"query,omitempty" doc:"What is being looked for, in plain words. Left out: the newest and most confident."`
	Agent     string            `json:"agent,omitempty" doc:"The memories of this agent; empty: those that have none."`
	ProjectID string            `json:"project_id,omitempty" doc:"Within this project; a key with a project fills in its own."`
	Types     []alma.MemoryType `json:"memory_types,omitempty" doc:"Of these kinds; all if left out."`
	Limit     *int              `json:"limit,omitempty" doc:"1 to 200; 10 if left out."`
}

// retrieval holds ranked memories in the form of a listing, all on one page.
type retrieval struct {
	ID    string              `json:"id" doc:"Names the retrieval; the memory_id of its ACCESSED event."`
	Items []alma.ScoredMemory `json:"items" nullable:"false" doc:"The best first."`
	Next  *string             `json:"next" nullable:"true" doc:"Always null."`
}

func (s *Server) retrieveMemories(c *call) error {
	var in retrieveInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	project, err := c.project(in.ProjectID)
	if err != nil {
		return err
	}
	q := memory.Query{Text: in.Query, Agent: in.Agent, ProjectID: project, Types: in.Types}
	if in.Limit != nil {
		if q.Limit = *in.Limit; q.Limit < 1 || q.Limit > memory.MaxLimit {
			faults.addf("limit", "%d is out of range; want 1 to %d", q.Limit, memory.MaxLimit)
		}
	}
	var types alma.Faults
	for i, t := range in.Types {
		alma.CheckMemoryType(&types, fmt.Sprintf("memory_types[%d]", i), t)
	}
	faults.merge("", types.Err())
	if err := faults.err(); err != nil {
		return err
	}
	found, err := s.memory.Retrieve(c.r.Context(), q)
	if err != nil {
		return err //nolint:wrapcheck // The memory store says what was done.
	}
	return c.reply(http.StatusOK, retrieval{ID: found.ID, Items: orEmpty(found.Memories)})
}

type consolidateInput struct {
	Agent     string          `json:"agent,omitempty" doc:"The memories of this agent; empty: those that have none."`
	ProjectID string          `json:"project_id,omitempty" doc:"Within this project; a key with a project fills in its own."`
	Type      alma.MemoryType `json:"memory_type,omitempty" doc:"Of this kind; all kinds, one after another, if left out."`
	Threshold *float64        `json:"threshold,omitempty" doc:"Similarity from which memories are merged, over 0, at most 1; 0.85 if left out. Equal text has 1."`
	DryRun    bool            `json:"dry_run,omitempty" doc:"Only report what would be merged."`
}

func (s *Server) consolidateMemories(c *call) error {
	var in consolidateInput
	faults, err := readBody(c, &in)
	if err != nil {
		return err
	}
	c.quiet = in.DryRun
	project, err := c.project(in.ProjectID)
	if err != nil {
		return err
	}
	r := memory.Request{Agent: in.Agent, ProjectID: project, Type: in.Type, DryRun: in.DryRun}
	if in.Threshold != nil {
		if r.Threshold = *in.Threshold; r.Threshold <= 0 || r.Threshold > 1 {
			faults.addf("threshold", "%v is out of range; want more than 0 and at most 1", r.Threshold)
		}
	}
	if in.Type != "" {
		var kind alma.Faults
		alma.CheckMemoryType(&kind, "memory_type", in.Type)
		faults.merge("", kind.Err())
	}
	if err := faults.err(); err != nil {
		return err
	}
	report, err := s.memory.Consolidate(c.r.Context(), r)
	if err != nil {
		return err //nolint:wrapcheck // The memory store says what was done.
	}
	return c.reply(http.StatusOK, report)
}
