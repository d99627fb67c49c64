package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/alma-events/alma"
)

// exception stores an exception in the place of what stands at its positions.
// One that comes late, after its webhook was deleted, no longer waits for
// anything.
func (w *settling) exception(e *alma.Exception) {
	ref, ok := w.ref(e.WebhookID)
	if !ok || w.err != nil {
		return
	}
	late := *e
	if ref.deleted {
		late.Message = nil
		if late.Status == alma.StatusPending {
			late.Status, late.InFlight = alma.StatusFailed, false
			late.LastReason, late.LastError, late.LastStatusCode = alma.ReasonWebhookDeleted, webhookDeletedError, 0
		}
	}
	w.storeException(ref.number, &late)
}

func (w *settling) storeException(webhook int64, e *alma.Exception) {
	members := memberSeqs(e)
	w.leaveBatches(webhook, members)
	list := ""
	if len(e.Members) > 0 {
		list = jsonList(members)
	}
	next := nanos(e.NextAttemptAt)
	if e.Status != alma.StatusPending {
		next = 0
	}
	head := members[0]
	w.exec(sqlSetException, webhook, head, string(e.Status), e.InFlight, e.Attempts, next, int64(e.Delay), e.Manual,
		string(e.LastReason), e.LastError, e.LastStatusCode, e.BatchID, list, e.ReplayID)
	if len(members) > 1 {
		w.exec(sqlSetMembers, webhook, head, string(e.Status), jsonList(members[1:]))
	}
	w.storeMessage(webhook, head, e.Message)
}

// memberSeqs returns the positions that an exception is for, in order.
func memberSeqs(e *alma.Exception) []int64 {
	list := append(seqs(e.Members), e.Position.Seq)
	slices.Sort(list)
	return slices.Compact(list)
}

func (w *settling) storeMessage(webhook, seq int64, m *alma.Message) {
	if m == nil || w.err != nil {
		return
	}
	text, err := json.Marshal(m)
	if err != nil {
		w.err = err
		return
	}
	body := m.Body
	if body == nil {
		body = []byte{}
	}
	w.exec(sqlSetMessage, webhook, seq, string(text), body)
}

// batchRow is a row that belongs to a batch: its head, or another member.
type batchRow struct {
	seq, head int64
	members   []int64
}

// leaveBatches takes positions out of the batches that they stand in now,
// where those have members besides: one delivery of a failed batch may be
// retried by hand, and must not take the others along.
func (w *settling) leaveBatches(webhook int64, leaving []int64) {
	for _, row := range w.batchRows(webhook, leaving) {
		switch {
		case row.head == 0:
			w.moveBatch(webhook, row.seq, remove(row.members, leaving))
		case !slices.Contains(leaving, row.head):
			w.shrinkBatch(webhook, row.head, leaving)
		}
	}
}

func (w *settling) batchRows(webhook int64, among []int64) []batchRow {
	if w.err != nil {
		return nil
	}
	var rows []batchRow
	w.err = w.query(w.ctx, func(r *sql.Rows) error {
		var b batchRow
		var members string
		if err := r.Scan(&b.seq, &b.head, &members); err != nil {
			return err
		}
		var err error
		b.members, err = parseMembers(members)
		rows = append(rows, b)
		return err
	}, sqlBatchRows, webhook, jsonList(among))
	return rows
}

// moveBatch makes the first of the remaining members the head of a batch whose
// head leaves it.
func (w *settling) moveBatch(webhook, head int64, rest []int64) {
	if len(rest) == 0 {
		return
	}
	list := jsonList(rest)
	w.exec(sqlMoveMembers, webhook, head, rest[0], list)
	w.exec(sqlMoveHead, webhook, head, rest[0], list)
	w.exec(sqlCopyMessage, webhook, head, rest[0])
}

// shrinkBatch takes members out of the list in a batch's head.
func (w *settling) shrinkBatch(webhook, head int64, leaving []int64) {
	if w.err != nil {
		return
	}
	var text string
	if w.err = w.one(w.ctx, []any{&text}, sqlMembers, webhook, head); w.err != nil {
		return
	}
	var members []int64
	if members, w.err = parseMembers(text); w.err == nil {
		w.exec(sqlSetMemberList, jsonList(remove(members, leaving)), webhook, head)
	}
}

// remove returns list without what leaves it.
func remove(list, leaving []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(list), func(seq int64) bool { return slices.Contains(leaving, seq) })
}

// resolve removes an exception: all of a batch when it is named by its first
// position, else the one member alone.
func (w *settling) resolve(key alma.DeliveryKey) {
	webhook, ok := w.live(key.WebhookID)
	if !ok || w.err != nil {
		return
	}
	var head int64
	var members string
	err := w.one(w.ctx, []any{&head, &members}, sqlResolve, webhook, key.Position.Seq)
	if errors.Is(err, sql.ErrNoRows) {
		return
	}
	w.err = err
	switch {
	case head != 0:
		w.shrinkBatch(webhook, head, []int64{key.Position.Seq})
		return
	case members != "":
		w.exec(sqlResolveMembers, webhook, key.Position.Seq, members)
	}
	w.exec(sqlDeleteMessage, webhook, key.Position.Seq)
}
