package storagetest

import (
	"github.com/alma-events/alma"
)

var hostCases = []testCase{
	{"Commit", "events in a transaction of the host are seen once it commits, and watchers hear of it", testHostCommit},
	{"Rollback", "events in a transaction that rolls back never were", testHostRollback},
	{"Interleaved", "events of the host and of the storage's own callers are read in one order without loss", testHostInterleaved},
}

// begin begins a transaction of the host, or skips the case.
func (e *env) begin() HostTx {
	e.Helper()
	if e.features.BeginTx == nil {
		e.Skip("the driver has no host transactions")
	}
	return e.features.BeginTx(e.T, e.Storage)
}

func testHostCommit(e *env) {
	e.append(e.event("a"))
	watch := e.Watch(e.ctx)
	tx := e.begin()
	answers, err := tx.Append(e.ctx, e.event("b", func(ev *alma.Event) { ev.Trace = traceParent }), e.event("a"), e.event("c"))
	e.check(err, "append in the transaction")
	if answers[0].Duplicate || !answers[1].Duplicate || answers[2].Duplicate {
		e.Fatalf("answers are %+v; want the second alone to be a duplicate", answers)
	}
	e.check(tx.Commit(), "commit")
	got := e.readAll(alma.Position{})
	e.equal(eventIDs(got), []string{"a", "b", "c"}, "the log right after the commit")
	e.equal([]alma.TraceParent{got[1].Trace, got[2].Trace}, []alma.TraceParent{traceParent, ""}, "the traces of events of the host")
	e.equal(got[2].Position, answers[2].Position, "the position told")
	if e.horizon().Before(got[2].Position) {
		e.Fatal("the horizon lies before the event of the host")
	}
	e.await(watch, "a transaction of the host with events committed")
	e.append(e.event("d"))
	e.equal(eventIDs(e.readAll(got[1].Position)), []string{"c", "d"}, "the log after a further append")
}

func testHostRollback(e *env) {
	e.append(e.event("a"))
	tx := e.begin()
	_, err := tx.Append(e.ctx, e.event("b"))
	e.check(err, "append in the transaction")
	e.check(tx.Rollback(), "rollback")
	e.equal(eventIDs(e.readAll(alma.Position{})), []string{"a"}, "the log after the rollback")
	answers, err := e.Append(e.ctx, []alma.Event{e.event("b")})
	e.check(err, "append")
	if answers[0].Duplicate {
		e.Fatal("an id of a transaction that rolled back is called a duplicate")
	}
	e.equal(eventIDs(e.readAll(alma.Position{})), []string{"a", "b"}, "the log")
}

func testHostInterleaved(e *env) {
	var want []string
	last := alma.Position{}
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		tx := e.begin()
		_, err := tx.Append(e.ctx, e.event("host"+id))
		e.check(err, "append in the transaction")
		e.check(tx.Commit(), "commit")
		e.append(e.event("own" + id))
		want = append(want, "host"+id, "own"+id)
		page, err := e.Read(e.ctx, last, 10)
		e.check(err, "read")
		e.equal(eventIDs(page.Events), want[len(want)-2:], "what came since the last read")
		last = page.Next
	}
	e.equal(eventIDs(e.readAll(alma.Position{})), want, "the log")
}
