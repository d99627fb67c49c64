package webhook

import (
	"context"
	"time"

	"github.com/alma-events/alma"
)

// balance takes the slots that should be this node's and can be had, and begins
// to hand on those that should be another's.
func (m *Manager) balance(ctx context.Context, s *session) error {
	c, err := m.renew(ctx, s)
	if err != nil {
		return err
	}
	take, give := m.member.plan(&c, s.id, s.lease.Steady(time.Now()))
	if len(give) > 0 {
		m.beginHandover(s, give)
	}
	if len(take) == 0 {
		return nil
	}
	return m.takeOver(ctx, s, take)
}

// plan compares how the slots are shared with how they should be. Slots of a
// node whose lease has run out are left alone unless steady says that this one
// may judge others.
func (p *member) plan(c *alma.Cluster, self string, steady bool) (take, give []alma.Slot) {
	expired := map[string]bool{}
	var live []string
	for _, n := range c.Nodes {
		if n.Expired && n.ID != self {
			expired[n.ID] = true
			continue
		}
		live = append(live, n.ID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	want := p.placement.Of(live)
	for s := range alma.Slot(alma.Slots) {
		owner, held := c.Owners[s], p.slots[s]
		switch {
		case want[s] == self && held == nil:
			if owner == "" || owner == self || expired[owner] && steady {
				take = append(take, s)
			}
		case want[s] != self && owner == self && (held == nil || !held.given):
			give = append(give, s)
		default:
		}
	}
	return take, give
}
