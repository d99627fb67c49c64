package sqlite

import (
	"github.com/alma-events/alma"
)

// erasedError is shown with deliveries that a purge ended.
const erasedError = "the event's data was erased before the delivery succeeded"

// eraseDeliveries removes what stands about events in the deliveries, and fails
// those that are pending.
func (w *settling) eraseDeliveries(list string, pending []alma.DeliveryKey) {
	w.exec(sqlEraseBatchDetails, list)
	w.exec(sqlEraseAttempts, list)
	w.exec(sqlEraseMessages, list)
	w.exec(sqlEraseErrors, list)
	for _, key := range pending {
		ref, ok := w.ref(key.WebhookID)
		if !ok || w.err != nil {
			continue
		}
		var attempts int
		var replay string
		if w.err = w.one(w.ctx, []any{&attempts, &replay}, sqlAttemptsOf, ref.number, key.Position.Seq); w.err != nil {
			return
		}
		w.storeException(ref.number, &alma.Exception{
			WebhookID: key.WebhookID, Position: key.Position, Status: alma.StatusFailed, Attempts: attempts, ReplayID: replay,
			LastReason: alma.ReasonErased, LastError: erasedError,
		})
	}
}

// eraseLate takes out of a settlement what came too late: its events were
// erased while its attempts were under way. Only then there is work to do.
func (w *settling) eraseLate(st *alma.Settlement) {
	if w.err != nil || !w.store.purged.Load() {
		return
	}
	var seqs []int64
	for i := range st.Exceptions {
		seqs = append(seqs, memberSeqs(&st.Exceptions[i])...)
	}
	for i := range st.Attempts {
		if a := &st.Attempts[i].Attempt; a.Detail != nil || a.Error != "" {
			for _, p := range st.Attempts[i].Positions {
				seqs = append(seqs, p.Seq)
			}
		}
	}
	if len(seqs) == 0 {
		return
	}
	var erased []int64
	if erased, w.err = numbers(w.ctx, w.statements, sqlErasedAmong, jsonList(seqs)); len(erased) == 0 || w.err != nil {
		return
	}
	done, err := countErasing(w.ctx, w.statements, erased)
	if w.err = err; err == nil {
		w.eraseDeliveries(jsonList(erased), done.Ended)
	}
}
