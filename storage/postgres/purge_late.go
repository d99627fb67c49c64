package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// placesToErase are the places of a settlement about which it stores more than
// statuses and counts.
func (p *settling) placesToErase() []place {
	var list []place
	for i := range p.Exceptions {
		for _, m := range membersOf(&p.Exceptions[i]) {
			list = append(list, placeOf(m))
		}
	}
	for i := range p.Attempts {
		if a := &p.Attempts[i].Attempt; a.Detail == nil && a.Error == "" {
			continue
		}
		for _, pos := range p.Attempts[i].Positions {
			list = append(list, placeOf(pos))
		}
	}
	return list
}

// eraseLate takes out of a settlement what came too late: its events were
// erased while its attempts were under way.
func (p *settling) eraseLate(b *pgx.Batch, late []place) {
	if len(late) == 0 {
		return
	}
	xacts, seqs := make([]int64, len(late)), make([]int64, len(late))
	for i, at := range late {
		xacts[i], seqs[i] = at.xact, at.seq
	}
	b.Queue(sqlEraseLate, xacts, seqs, string(alma.ReasonErased), erasedError)
}
