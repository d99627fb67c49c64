package sqlite

import (
	"encoding/json"

	"github.com/alma-events/alma"
)

// attemptRow is an attempt for one position.
type attemptRow struct {
	webhook int64
	seq     int64
	head    any    // The first member of the batch; nil for itself.
	detail  string // Of the first member alone.
	attempt *alma.Attempt
}

// attempts stores finished attempts, of deleted webhooks too: a row for each
// member of a batch, so that each delivery finds its own without a search.
func (w *settling) attempts(list []alma.SettledAttempt) {
	rows := make([]attemptRow, 0, len(list))
	for i := range list {
		rows = w.attemptRows(rows, &list[i])
	}
	for len(rows) > 0 && w.err == nil {
		n := chunk(len(rows))
		w.insertAttempts(rows[:n])
		rows = rows[n:]
	}
}

func (w *settling) attemptRows(rows []attemptRow, a *alma.SettledAttempt) []attemptRow {
	ref, ok := w.ref(a.WebhookID)
	if !ok || len(a.Positions) == 0 || w.err != nil {
		return rows
	}
	first := attemptRow{webhook: ref.number, seq: a.Positions[0].Seq, attempt: &a.Attempt}
	if a.Attempt.Detail != nil {
		detail, err := json.Marshal(a.Attempt.Detail)
		if err != nil {
			w.err = err
			return rows
		}
		first.detail = string(detail)
	}
	rows = append(rows, first)
	for _, p := range a.Positions[1:] {
		rows = append(rows, attemptRow{webhook: ref.number, seq: p.Seq, head: first.seq, attempt: &a.Attempt})
	}
	return rows
}

func (w *settling) insertAttempts(rows []attemptRow) {
	w.args = w.args[:0]
	for i := range rows {
		r, a := &rows[i], rows[i].attempt
		w.args = append(w.args, r.webhook, r.seq, nanos(a.At), a.Number, int64(a.Duration), a.StatusCode,
			null(a.Reason), null(a.Error), null(a.BatchID), null(a.ReplayID), r.head, null(r.detail))
	}
	w.exec(sqlInsertAttempts[len(rows)], w.args...)
}
