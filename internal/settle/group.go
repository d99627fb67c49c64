package settle

import (
	"crypto/rand"
	"slices"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// group is what is committed together: records, and the settlement that they
// come to. It is the same one each time that it is tried, so that a store
// knows it again.
type group struct {
	records    []flow.Record
	settlement alma.Settlement
}

func newGroup(node string, records []flow.Record, mark Mark) *group {
	g := &group{records: records, settlement: assemble(records)}
	g.settlement.Node, g.settlement.Watermark, g.settlement.Joined = node, mark.Watermark, mark.Joined
	if adds(&g.settlement) {
		g.settlement.ID = rand.Text()
	}
	return g
}

func (g *group) isEmpty() bool {
	return len(g.records) == 0 && g.settlement.Watermark.IsZero() && len(g.settlement.Joined) == 0
}

// adds reports whether a settlement would leave something else behind if it
// were stored twice: counts, what people are told, or the end of a webhook that
// somebody has made active again in between.
func adds(s *alma.Settlement) bool {
	return len(s.Replays) > 0 || len(s.Suppressed) > 0 || len(s.Disabled) > 0 ||
		slices.ContainsFunc(s.Exceptions, func(e alma.Exception) bool { return e.Notify })
}

// assemble puts the records of a group together. Of several updates of one
// lane, the last counts.
func assemble(group []flow.Record) alma.Settlement {
	out := alma.Settlement{Attempts: make([]alma.SettledAttempt, 0, len(group))}
	lanes := map[string]int{}
	for i := range group {
		r := &group[i]
		if r.Attempt != nil {
			out.Attempts = append(out.Attempts, *r.Attempt)
		}
		appendException(&out, r)
		if r.Suppressed != nil {
			out.Suppressed = append(out.Suppressed, *r.Suppressed)
		}
		if r.Disabled != nil {
			out.Disabled = append(out.Disabled, *r.Disabled)
		}
		appendProgress(&out, r.Replay)
		if r.Lane == nil {
			continue
		}
		if at, seen := lanes[r.Lane.WebhookID]; seen {
			out.Lanes[at] = *r.Lane
			continue
		}
		lanes[r.Lane.WebhookID] = len(out.Lanes)
		out.Lanes = append(out.Lanes, *r.Lane)
	}
	return out
}

// appendException keeps insertion before removal of the same exception in one
// group right: a driver inserts all, then removes the resolved ones, so an
// exception that returns after it was resolved, once or several times, withdraws
// the removal.
func appendException(out *alma.Settlement, r *flow.Record) {
	if r.Exception != nil {
		key := alma.DeliveryKey{WebhookID: r.Exception.WebhookID, Position: r.Exception.Position}
		out.Resolved = slices.DeleteFunc(out.Resolved, func(k alma.DeliveryKey) bool { return k == key })
		out.Exceptions = append(out.Exceptions, *r.Exception)
	}
	if r.Resolved != nil {
		out.Resolved = append(out.Resolved, *r.Resolved)
	}
}
