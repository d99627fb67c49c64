package postgres

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// encodeAttempts writes the details, and notes which webhooks were attempted.
func (p *settling) encodeAttempts() error {
	p.details = make([]string, len(p.Attempts))
	for i := range p.Attempts {
		a := &p.Attempts[i]
		p.attempted[a.WebhookID] = struct{}{}
		if a.Attempt.Detail == nil {
			continue
		}
		text, err := json.Marshal(a.Attempt.Detail)
		if err != nil {
			return err
		}
		p.details[i] = string(text)
	}
	return nil
}

// attemptColumnsOf hold attempts as the statement takes them.
type attemptRows struct {
	webhooks, xacts, seqs, durations, headXacts, headSeqs []int64
	ats                                                   []time.Time
	numbers, codes                                        []int32
	reasons, errors, batches, replays, details            []string
}

func newAttemptRows(n int) *attemptRows {
	longs := make([]int64, 6*n)
	texts := make([]string, 5*n)
	ints := make([]int32, 2*n)
	long := func(i int) []int64 { return longs[i*n : i*n : (i+1)*n] }
	text := func(i int) []string { return texts[i*n : i*n : (i+1)*n] }
	return &attemptRows{
		webhooks: long(0), xacts: long(1), seqs: long(2), durations: long(3), headXacts: long(4), headSeqs: long(5),
		ats: make([]time.Time, 0, n), numbers: ints[:0:n], codes: ints[n : n : 2*n],
		reasons: text(0), errors: text(1), batches: text(2), replays: text(3), details: text(4),
	}
}

func (r *attemptRows) add(webhook int64, at, head place, a *alma.Attempt, detail string) {
	r.webhooks, r.xacts, r.seqs = append(r.webhooks, webhook), append(r.xacts, at.xact), append(r.seqs, at.seq)
	r.headXacts, r.headSeqs = append(r.headXacts, head.xact), append(r.headSeqs, head.seq)
	r.ats, r.numbers, r.durations = append(r.ats, a.At), append(r.numbers, int32(a.Number)), append(r.durations, int64(a.Duration))            //nolint:gosec // A count of attempts.
	r.codes, r.reasons, r.errors = append(r.codes, int32(a.StatusCode)), append(r.reasons, string(a.Reason)), append(r.errors, plain(a.Error)) //nolint:gosec // Three digits.
	r.batches, r.replays, r.details = append(r.batches, a.BatchID), append(r.replays, a.ReplayID), append(r.details, detail)
}

// insertAttempts stores finished attempts, of deleted webhooks too: a row for
// each member of a batch, so that each delivery finds its own without a search.
// What was exchanged stands with the first alone.
func (p *settling) insertAttempts(b *pgx.Batch, numbers *numbers) {
	size := 0
	for i := range p.Attempts {
		size += len(p.Attempts[i].Positions)
	}
	r := newAttemptRows(size)
	for i := range p.Attempts {
		a := &p.Attempts[i]
		number, ok := numbers.get(a.WebhookID)
		if !ok {
			continue
		}
		for m, pos := range a.Positions {
			if m == 0 {
				r.add(number, placeOf(pos), place{}, &a.Attempt, p.details[i])
				continue
			}
			r.add(number, placeOf(pos), placeOf(a.Positions[0]), &a.Attempt, "")
		}
	}
	if len(r.webhooks) == 0 {
		return
	}
	b.Queue(sqlInsertAttempts, r.webhooks, r.xacts, r.seqs, r.ats, r.numbers, r.durations, r.codes, r.reasons, r.errors, r.batches, r.replays, r.headXacts, r.headSeqs, r.details)
}
