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
		if err := s.numbers.learn(ctx, s.settles, plan.attempted); err != nil {
			return err
		}
		err := s.retry(func() error {
			return s.settles.SendBatch(ctx, plan.batch(s)).Close()
		})
		if code(err) == codeStored { // The answer to it was lost.
			return nil
		}
		return err
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
	p.notices(b)
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
