package postgres

import (
	"github.com/jackc/pgx/v5"
)

// holdNode moves the watermark. With a node it makes sure that its session
// goes on until the commit. A settlement that is stored already ends there.
func (p *settling) holdNode(b *pgx.Batch) {
	w := placeOf(p.Watermark)
	switch {
	case p.Node != "":
		b.Queue(sqlHoldNode, p.Node, w.xact, w.seq)
	case !p.Watermark.IsZero():
		b.Queue(sqlSetWatermark, w.xact, w.seq)
	}
	if p.ID != "" {
		b.Queue(sqlSettleOnce, p.Node, p.ID)
	}
	if len(p.Joined) > 0 {
		b.Queue(sqlJoinSlots, p.Node, slotNumbers(p.Joined))
	}
}

func (p *settling) setLanes(b *pgx.Batch) {
	if len(p.Lanes) == 0 {
		return
	}
	// Of two updates of a lane the later holds.
	last := make(map[string]int, len(p.Lanes))
	for i := range p.Lanes {
		last[p.Lanes[i].WebhookID] = i
	}
	var ids, health []string
	var shared []bool
	var xacts, seqs []int64
	for i := range p.Lanes {
		u := &p.Lanes[i]
		if last[u.WebhookID] != i {
			continue
		}
		at := placeOf(u.Cursor)
		ids, shared, xacts, seqs, health = append(ids, u.WebhookID), append(shared, u.Shared), append(xacts, at.xact), append(seqs, at.seq), append(health, p.health[i])
	}
	b.Queue(sqlSetLanes, ids, shared, xacts, seqs, health)
}
