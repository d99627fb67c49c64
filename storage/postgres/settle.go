package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// Settle records outcomes; see [alma.LaneStore]. Exceptions are stored before
// resolved ones go, so that a settlement may hold both of one delivery. What
// names a webhook that never was is left out.
//
// A settlement is one round trip: all its statements travel together, and are
// one transaction.
func (s *Store) Settle(ctx context.Context, st alma.Settlement) error {
	plan, err := newSettling(&st)
	if err != nil {
		return wrap("settle deliveries", err)
	}
	err = s.do(ctx, "settle deliveries", func(ctx context.Context) error {
		if err := s.numbers.learn(ctx, s.pool, plan.attempted); err != nil {
			return err
		}
		return s.retry(func() error {
			return s.pool.SendBatch(ctx, plan.batch(s)).Close()
		})
	})
	if err == nil && len(st.Disabled) > 0 {
		s.changes.signal()
	}
	return err
}

// settling is a settlement made ready: texts encoded, rows gathered.
type settling struct {
	*alma.Settlement
	attempted  map[string]struct{}      // The webhooks that were attempted.
	details    []string                 // Of the attempts, as JSON.
	health     []string                 // Of the lanes, as JSON.
	waves      [][]*alma.Exception      // Exceptions in sets of which no two share a place.
	messages   map[*alma.Message]string // As JSON.
	suppressed []alma.Suppression       // One a webhook and job.
}

func newSettling(st *alma.Settlement) (*settling, error) {
	p := &settling{Settlement: st, attempted: make(map[string]struct{}, 8)}
	if err := p.encodeAttempts(); err != nil {
		return nil, err
	}
	for i := range st.Lanes {
		text, err := healthText(st.Lanes[i].Health)
		if err != nil {
			return nil, err
		}
		p.health = append(p.health, text)
	}
	if err := p.encodeMessages(); err != nil {
		return nil, err
	}
	p.waves = waves(st.Exceptions)
	p.suppressed = sumSuppressions(st.Suppressed)
	return p, nil
}

// batch returns the statements. The order of locks is the same everywhere:
// the node, the revision, webhooks, what belongs to them.
func (p *settling) batch(s *Store) *pgx.Batch {
	b := &pgx.Batch{}
	p.holdNode(b)
	late := p.placesToErase()
	if len(late) > 0 {
		b.Queue(sqlSharePurge)
	}
	p.holdWebhooks(b)
	p.setLanes(b)
	p.insertAttempts(b, s.numbers)
	for _, wave := range p.waves {
		p.setExceptions(b, wave)
	}
	p.resolve(b)
	p.suppress(b)
	p.moveReplays(b)
	p.eraseLate(b, late)
	p.disable(b, s)
	if b.Len() == 0 {
		b.Queue(`SELECT`) // Nothing to store, but the caller wants to hear that it could be.
	}
	return b
}

// holdNode moves the watermark. With a node it makes sure that its session
// goes on until the commit.
func (p *settling) holdNode(b *pgx.Batch) {
	w := placeOf(p.Watermark)
	switch {
	case p.Node != "":
		b.Queue(sqlHoldNode, p.Node, w.xact, w.seq)
	case !p.Watermark.IsZero():
		b.Queue(sqlSetWatermark, w.xact, w.seq)
	}
	if len(p.Joined) > 0 {
		b.Queue(sqlJoinSlots, p.Node, slotNumbers(p.Joined))
	}
}

// holdWebhooks keeps webhooks from being deleted while something is stored
// about them. A settlement of attempts alone, the usual one, needs no such
// care: attempts of deleted webhooks are kept.
func (p *settling) holdWebhooks(b *pgx.Batch) {
	ids := map[string]struct{}{}
	for i := range p.Lanes {
		ids[p.Lanes[i].WebhookID] = struct{}{}
	}
	for i := range p.Exceptions {
		ids[p.Exceptions[i].WebhookID] = struct{}{}
	}
	for _, key := range p.Resolved {
		ids[key.WebhookID] = struct{}{}
	}
	for _, sup := range p.suppressed {
		ids[sup.WebhookID] = struct{}{}
	}
	statement := sqlHoldWebhooks
	if len(p.Disabled) > 0 {
		statement = sqlHoldWebhooksFirst
		b.Queue(sqlHoldRevision)
		for _, d := range p.Disabled {
			ids[d.WebhookID] = struct{}{}
		}
	}
	if len(ids) == 0 {
		return
	}
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	b.Queue(statement, list)
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

func (p *settling) resolve(b *pgx.Batch) {
	if len(p.Resolved) == 0 {
		return
	}
	ids := make([]string, len(p.Resolved))
	xacts, seqs := make([]int64, len(p.Resolved)), make([]int64, len(p.Resolved))
	for i, key := range p.Resolved {
		at := placeOf(key.Position)
		ids[i], xacts[i], seqs[i] = key.WebhookID, at.xact, at.seq
	}
	for _, statement := range []string{sqlResolveMembers, sqlResolve, sqlResolveMessages} {
		b.Queue(statement, ids, xacts, seqs)
	}
}

// sumSuppressions adds up what belongs to the same webhook and job.
func sumSuppressions(list []alma.Suppression) []alma.Suppression {
	type key struct{ webhook, job string }
	index := map[key]int{}
	var out []alma.Suppression
	for _, s := range list {
		k := key{s.WebhookID, s.JobID}
		if i, ok := index[k]; ok {
			out[i].Count += s.Count
			continue
		}
		index[k] = len(out)
		out = append(out, s)
	}
	return out
}

// suppress counts events of bulk jobs that were not sent, in one row a webhook
// and job.
func (p *settling) suppress(b *pgx.Batch) {
	// Which of them have a row already is for the statements to find out: what
	// is added to first is not inserted after.
	for _, sup := range p.suppressed {
		at := placeOf(sup.Position)
		args := []any{[]string{sup.WebhookID}, []string{sup.JobID}, []int64{at.xact}, []int64{at.seq}, []int64{sup.Count}}
		b.Queue(sqlAddSuppressed, args...)
		b.Queue(sqlInsertSuppressions, args...)
	}
}

func (p *settling) disable(b *pgx.Batch, s *Store) {
	if len(p.Disabled) == 0 {
		return
	}
	ids, reasons := make([]string, len(p.Disabled)), make([]string, len(p.Disabled))
	for i, d := range p.Disabled {
		ids[i], reasons[i] = d.WebhookID, plain(d.Reason)
	}
	b.Queue(sqlDisableWebhooks, ids, reasons)
	b.Queue(sqlNotify, s.changeChannel())
}
