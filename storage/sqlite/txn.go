package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/alma-events/alma"
)

// txn is the writer's open transaction: its statements, and what the commit will change in memory. A job that fails in a savepoint takes
// its share of that back.
type txn struct {
	*statements
	prepared *inTx

	store *Store
	now   time.Time
	conn  *sql.Conn
	tx    *sql.Tx

	tail    *logTail              // Read when first needed.
	base    int64                 // The tail when it was read.
	events  []alma.Event          // Appended, in log order.
	refs    map[string]webhookRef // Webhooks made or deleted.
	inexact bool                  // Positions were spent on duplicates.
	gone    int64                 // The last event that was removed or erased.
}

// logTail returns the end of the log.
func (t *txn) logTail(ctx context.Context) (*logTail, error) {
	if t.tail == nil {
		tail, err := readTail(ctx, t.statements)
		if err != nil {
			return nil, err
		}
		t.tail, t.base = &tail, tail.seq
	}
	return t.tail, nil
}

// setRef notes a webhook's reference, to be seen by later jobs of this
// transaction and, once committed, by all.
func (t *txn) setRef(id string, ref webhookRef) {
	if t.refs == nil {
		t.refs = map[string]webhookRef{}
	}
	t.refs[id] = ref
}

// ref returns the reference of a webhook as this transaction sees it.
func (t *txn) ref(id string) (webhookRef, bool) {
	if ref, ok := t.refs[id]; ok {
		return ref, true
	}
	return t.store.webhooks.get(id)
}

// savedTxn is the part of a txn that a failing job must not leave its mark on.
type savedTxn struct {
	tail   *logTail
	events int
	refs   map[string]webhookRef
}

func (t *txn) save() savedTxn {
	saved := savedTxn{events: len(t.events)}
	if t.tail != nil {
		tail := *t.tail
		saved.tail = &tail
	}
	if t.refs != nil {
		saved.refs = make(map[string]webhookRef, len(t.refs))
		for id, ref := range t.refs {
			saved.refs[id] = ref
		}
	}
	return saved
}

func (t *txn) restore(saved savedTxn) {
	t.tail, t.refs = saved.tail, saved.refs
	clear(t.events[saved.events:])
	t.events = t.events[:saved.events]
}

// publish makes the committed transaction known: to readers through the ring,
// to watchers by a signal.
func (t *txn) publish() {
	t.store.webhooks.put(t.refs)
	if t.tail != nil {
		t.store.ring.extend(t.base, t.tail.seq, t.events)
	}
	if t.gone > 0 {
		t.store.ring.forget(t.gone)
	}
	if t.tail != nil {
		t.store.announce(t.tail.seq)
	}
}

// forget notes that an event was removed or erased: readers must not get it
// from memory.
func (t *txn) forget(seq int64) { t.gone = max(t.gone, seq) }
