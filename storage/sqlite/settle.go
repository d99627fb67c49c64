package sqlite

import (
	"context"

	"github.com/alma-events/alma"
)

// Settle records outcomes; see [alma.LaneStore]. Exceptions are stored before
// resolved ones go, so that a settlement may hold both of one delivery. What
// names a webhook that never was is left out.
func (s *Store) Settle(ctx context.Context, st alma.Settlement) error {
	return s.write(ctx, &job{operation: "settle deliveries", weight: weighSettlement(&st), run: func(ctx context.Context, t *txn) error {
		w := settling{txn: t, ctx: ctx}
		if !st.Watermark.IsZero() {
			w.exec(sqlSetWatermark, st.Watermark.Seq)
		}
		w.lanes(st.Lanes)
		w.attempts(st.Attempts)
		for i := range st.Exceptions {
			w.exception(&st.Exceptions[i])
			w.notice(&st.Exceptions[i])
		}
		for _, key := range st.Resolved {
			w.resolve(key)
		}
		for _, sup := range st.Suppressed {
			w.suppress(sup)
		}
		w.replays(st.Replays)
		w.eraseLate(&st)
		for _, d := range st.Disabled {
			w.disable(d)
		}
		return w.err
	}})
}

// weighSettlement returns about the bytes a settlement writes.
func weighSettlement(st *alma.Settlement) int {
	n := 0
	for i := range st.Attempts {
		n += 64 * len(st.Attempts[i].Positions)
		if d := st.Attempts[i].Attempt.Detail; d != nil {
			n += 256 + len(d.ResponseBody)
		}
	}
	for i := range st.Exceptions {
		n += 256
		if m := st.Exceptions[i].Message; m != nil {
			n += len(m.Body)
		}
	}
	return n
}

// settling is a settlement on its way. After the first error its methods do
// nothing.
type settling struct {
	*txn
	ctx  context.Context // Lives as long as the one call that made it.
	err  error
	args []any
}

// exec runs a statement and returns the number of rows it changed.
func (w *settling) exec(query string, args ...any) int64 {
	if w.err != nil {
		return 0
	}
	n, err := w.txn.exec(w.ctx, query, args...)
	w.err = err
	return n
}

// live returns the number of a webhook that still exists.
func (w *settling) live(id string) (int64, bool) {
	ref, ok := w.ref(id)
	return ref.number, ok && !ref.deleted
}

func (w *settling) lanes(updates []alma.LaneUpdate) {
	for i := range updates {
		u := &updates[i]
		number, ok := w.live(u.WebhookID)
		if !ok || w.err != nil {
			continue
		}
		var health string
		if health, w.err = healthText(u.Health); w.err == nil {
			w.exec(sqlSetLane, number, u.Shared, u.Cursor.Seq, health)
		}
	}
}

// suppress counts events of a bulk job that were not sent, in one row a
// webhook and job.
func (w *settling) suppress(s alma.Suppression) {
	number, ok := w.live(s.WebhookID)
	if !ok {
		return
	}
	if w.exec(sqlAddSuppressed, s.Count, number, s.JobID) == 0 {
		w.exec(sqlInsertSuppressed, number, s.Position.Seq, s.JobID, s.Count)
	}
}

func (w *settling) disable(d alma.Disabling) {
	if number, ok := w.live(d.WebhookID); ok {
		w.exec(sqlDisableWebhook, d.Reason, nanos(w.now), number)
	}
}
