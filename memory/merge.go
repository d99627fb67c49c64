package memory

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// strategyMostConfident is how groups are merged: the text of the most
// confident memory is kept.
const strategyMostConfident = "most_confident"

// maxNamedBytes bounds the ids in one event, as JSON: with the largest memory
// beside them they fit an event.
const maxNamedBytes = 256 << 10

// mergeable returns how many of the members, at least two, one event can name.
func mergeable(members []alma.Memory) int {
	size := 0
	for i := 1; i < len(members); i++ {
		size += len(encode(members[i].ID)) + 1
		if i > 1 && size > maxNamedBytes {
			return i
		}
	}
	return len(members)
}

// merge returns what becomes of a group, whose first member is kept:
//
//   - members of the data that the kept memory lacks are taken from the others,
//     in their order, unless they say how sure or how successful just that one
//     was; so are members of its metadata;
//   - counts are summed, times of last use take the latest, times of creation
//     the earliest;
//   - metadata gains merged_from (the ids of the memories that went into this
//     one, earlier merges included), merged_count, and for outcomes how many
//     of them succeeded and failed.
func merge(members []alma.Memory) (alma.Memory, Group, error) {
	kept := members[0]
	all := make([]object, len(members))
	for i, m := range members {
		all[i] = parseObject(m.Data)
	}
	rules := mergeRulesOf(kept.Type)
	data := slices.Clone(all[0])
	for _, other := range all[1:] {
		data.fill(other, rules.own...)
	}
	for _, name := range rules.sums {
		setNumber(&data, name, sum(all, name), has(all, name))
	}
	for _, name := range rules.latest {
		setRaw(&data, name, extremeTime(all, name, time.Time.After))
	}
	for _, name := range rules.earliest {
		setRaw(&data, name, extremeTime(all, name, time.Time.Before))
	}
	data.set("metadata", mergedMetadata(members, all).encode())

	for _, m := range members[1:] {
		if m.CreatedAt.Before(kept.CreatedAt) {
			kept.CreatedAt = m.CreatedAt
		}
	}
	kept.Data = data.encode()
	kept.Version++
	kept.UpdatedAt = now()
	g := Group{Type: kept.Type, MergedInto: kept.ID, MergedFrom: ids(members[1:])}
	err := kept.Prepare(kept.UpdatedAt)
	g.Result = kept.Data
	return kept, g, err
}

// mergePlan keeps the first member as merged, removes the others, and tells of
// both in one event.
func mergePlan(merged *alma.Memory, members []alma.Memory, g Group) plan {
	var p plan
	for i, m := range members {
		if i == 0 {
			p.changes = append(p.changes, alma.MemoryChange{Memory: *merged, ExpectVersion: m.Version})
			continue
		}
		p.changes = append(p.changes, alma.MemoryChange{Memory: alma.Memory{ID: m.ID}, ExpectVersion: m.Version, Delete: true})
	}
	data := object{
		{"merged_from", encode(g.MergedFrom)}, {"merged_into", encode(g.MergedInto)},
		{"strategy", encode(strategyMostConfident)}, {"result", g.Result},
	}
	p.events = []alma.Event{memoryEvent(alma.Consolidated, merged, data.encode())}
	return p
}

// mergeRules says which members are not simply kept.
type mergeRules struct {
	sums, latest, earliest []string
	own                    []string // Never taken from another memory.
}

func mergeRulesOf(t alma.MemoryType) mergeRules {
	switch t {
	case alma.TypeHeuristic:
		return mergeRules{sums: []string{"occurrence_count", "success_count"}, latest: []string{"last_validated"}, earliest: []string{"created_at"}, own: []string{"confidence"}}
	case alma.TypeAntiPattern:
		return mergeRules{sums: []string{"occurrence_count"}, latest: []string{"last_seen"}, earliest: []string{"created_at"}}
	case alma.TypeDomainKnowledge:
		return mergeRules{latest: []string{"last_verified"}, own: []string{"confidence"}}
	case alma.TypePreference:
		return mergeRules{latest: []string{"timestamp"}, own: []string{"confidence"}}
	case alma.TypeOutcome:
		return mergeRules{latest: []string{"timestamp"}, own: []string{"success", "error_message", "duration_ms"}}
	default:
		return mergeRules{}
	}
}

// fill adds the members that o lacks, but for the named ones.
func (o *object) fill(other object, except ...string) {
	for _, m := range other {
		if o.get(m.name) == nil && string(m.value) != "null" && !slices.Contains(except, m.name) {
			o.set(m.name, m.value)
		}
	}
}

func has(all []object, name string) bool {
	return slices.ContainsFunc(all, func(o object) bool { return o.get(name) != nil })
}

func sum(all []object, name string) int64 {
	var total int64
	for _, o := range all {
		n, _ := decode[int64](o.get(name))
		total += min(n, math.MaxInt64-total)
	}
	return total
}

func setNumber(data *object, name string, n int64, given bool) {
	if given {
		data.set(name, encode(n))
	}
}

func setRaw(data *object, name string, raw json.RawMessage) {
	if raw != nil {
		data.set(name, raw)
	}
}

// extremeTime returns the time that comes first by an order, as it is written;
// nil when there is none.
func extremeTime(all []object, name string, comesFirst func(t, u time.Time) bool) json.RawMessage {
	var extreme time.Time
	var text json.RawMessage
	for _, o := range all {
		raw := o.get(name)
		if t, ok := decode[time.Time](raw); ok && (text == nil || comesFirst(t, extreme)) {
			extreme, text = t, raw
		}
	}
	return text
}
