package postgres

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// encodeMessages writes what retries send again, without the bodies.
func (p *settling) encodeMessages() error {
	p.messages = make(map[*alma.Message]string, len(p.Exceptions))
	for i := range p.Exceptions {
		m := p.Exceptions[i].Message
		if m == nil {
			continue
		}
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		p.messages[m] = string(text)
	}
	return nil
}

// waves puts exceptions into sets that one statement can store: no two of a
// set share a place. A later one of the same place goes into a later set, and
// so replaces it.
func waves(list []alma.Exception) [][]*alma.Exception {
	next := map[alma.DeliveryKey]int{} // The first set without this place.
	var out [][]*alma.Exception
	for i := range list {
		e := &list[i]
		set := 0
		members := membersOf(e)
		for _, m := range members {
			set = max(set, next[alma.DeliveryKey{WebhookID: e.WebhookID, Position: m}])
		}
		for _, m := range members {
			next[alma.DeliveryKey{WebhookID: e.WebhookID, Position: m}] = set + 1
		}
		if set == len(out) {
			out = append(out, nil)
		}
		out[set] = append(out[set], e)
	}
	return out
}

// membersOf returns the positions that an exception is for, in order.
func membersOf(e *alma.Exception) []alma.Position {
	if len(e.Members) == 0 {
		return []alma.Position{e.Position}
	}
	list := append(slices.Clone(e.Members), e.Position)
	slices.SortFunc(list, alma.Position.Compare)
	return slices.Compact(list)
}

// exceptionRows hold exceptions as the statement takes them: a row for each
// member.
type exceptionRows struct {
	ids                              []string
	xacts, seqs, headXacts, headSeqs []int64
	batch                            []bool
	statuses                         []string
	inFlight                         []bool
	attempts                         []int32
	next                             []*time.Time
	delays                           []int64
	manual                           []bool
	reasons, errors                  []string
	codes                            []int32
	batchIDs, replays                []string
}

func (r *exceptionRows) add(e *alma.Exception, at, head place) {
	r.ids = append(r.ids, e.WebhookID)
	r.xacts, r.seqs, r.headXacts, r.headSeqs = append(r.xacts, at.xact), append(r.seqs, at.seq), append(r.headXacts, head.xact), append(r.headSeqs, head.seq)
	var next *time.Time
	if e.Status == alma.StatusPending {
		next = orNull(e.NextAttemptAt)
	}
	r.batch, r.statuses, r.inFlight = append(r.batch, len(e.Members) > 0), append(r.statuses, string(e.Status)), append(r.inFlight, e.InFlight)
	r.attempts, r.next, r.delays = append(r.attempts, int32(e.Attempts)), append(r.next, next), append(r.delays, int64(e.Delay)) //nolint:gosec // A count.
	r.manual, r.reasons, r.errors = append(r.manual, e.Manual), append(r.reasons, string(e.LastReason)), append(r.errors, plain(e.LastError))
	r.codes, r.batchIDs, r.replays = append(r.codes, int32(e.LastStatusCode)), append(r.batchIDs, e.BatchID), append(r.replays, e.ReplayID) //nolint:gosec // Three digits.
}

// setExceptions stores a set of exceptions in the place of what stands at
// their positions.
func (p *settling) setExceptions(b *pgx.Batch, set []*alma.Exception) {
	r := &exceptionRows{}
	for _, e := range set {
		var head place
		for i, m := range membersOf(e) {
			if i == 0 {
				head = placeOf(m)
				r.add(e, head, place{})
				continue
			}
			// The head holds what is true of all.
			r.add(&alma.Exception{WebhookID: e.WebhookID, Status: e.Status}, placeOf(m), head)
		}
	}
	b.Queue(sqlLeaveBatches, r.ids, r.xacts, r.seqs)
	b.Queue(sqlSetExceptions, r.ids, r.xacts, r.seqs, r.headXacts, r.headSeqs, r.batch, r.statuses, r.inFlight, r.attempts, r.next, r.delays,
		r.manual, r.reasons, r.errors, r.codes, string(alma.ReasonWebhookDeleted), webhookDeletedError, r.batchIDs, r.replays)
	p.setMessages(b, set)
}

func (p *settling) setMessages(b *pgx.Batch, set []*alma.Exception) {
	var ids, texts []string
	var xacts, seqs []int64
	var bodies [][]byte
	for _, e := range set {
		if e.Message == nil {
			continue
		}
		at := placeOf(membersOf(e)[0])
		body := e.Message.Body
		if body == nil {
			body = []byte{}
		}
		ids, xacts, seqs, texts, bodies = append(ids, e.WebhookID), append(xacts, at.xact), append(seqs, at.seq), append(texts, p.messages[e.Message]), append(bodies, body)
	}
	if len(ids) > 0 {
		b.Queue(sqlSetMessages, ids, xacts, seqs, texts, bodies)
	}
}
