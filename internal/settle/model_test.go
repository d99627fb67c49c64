package settle

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// ledger is what a database holds, by the rules of alma.LaneStore: exceptions
// are stored before resolved ones go, and a settlement is all or nothing.
type ledger struct {
	attempts   int
	exceptions map[alma.DeliveryKey]int // How many attempts the stored one has had.
	lanes      map[string]int64
	suppressed map[string]int64
}

func newLedger() *ledger {
	return &ledger{exceptions: map[alma.DeliveryKey]int{}, lanes: map[string]int64{}, suppressed: map[string]int64{}}
}

func (l *ledger) apply(s *alma.Settlement) {
	l.attempts += len(s.Attempts)
	for i := range s.Exceptions {
		e := &s.Exceptions[i]
		l.exceptions[alma.DeliveryKey{WebhookID: e.WebhookID, Position: e.Position}] = e.Attempts
	}
	for _, key := range s.Resolved {
		delete(l.exceptions, key)
	}
	for i := range s.Lanes {
		l.lanes[s.Lanes[i].WebhookID] = s.Lanes[i].Cursor.Seq
	}
	for i := range s.Suppressed {
		l.suppressed[s.Suppressed[i].WebhookID+s.Suppressed[i].JobID] += s.Suppressed[i].Count
	}
}

// one is the settlement of a single record.
func one(r *flow.Record) *alma.Settlement {
	s := assemble([]flow.Record{*r})
	return &s
}

// However records are cut into groups, and whatever fails in between, the store
// ends as if each had been stored by itself, in the order in which they came.
func TestGroupsAddUpToTheirRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &store{}
			settler, stop := start(t, s, nil)
			want := newLedger()
			for i := range rapid.IntRange(1, 60).Draw(rt, "records") {
				r := drawRecord(rt, i)
				want.apply(one(&r))
				settler.Add(r)
				switch rapid.IntRange(0, 9).Draw(rt, "then") {
				case 0, 1, 2:
					time.Sleep(3 * time.Millisecond) // The group is closed.
				case 3:
					s.fail(errors.New("the disk is full"))
				case 4, 5:
					s.fail(nil)
				default:
				}
			}
			s.fail(nil)
			time.Sleep(time.Minute)
			stop()
			got := newLedger()
			for i := range s.groups {
				got.apply(&s.groups[i])
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(ledger{})); diff != "" {
				rt.Fatalf("after %d groups the store (-want +got):\n%s", len(s.groups), diff)
			}
		})
	})
}

func drawRecord(rt *rapid.T, n int) flow.Record {
	key := alma.DeliveryKey{
		WebhookID: fmt.Sprint("wh_", rapid.IntRange(1, 2).Draw(rt, "webhook")),
		Position:  alma.Position{Seq: int64(rapid.IntRange(1, 3).Draw(rt, "place"))},
	}
	r := flow.Record{Urgent: rapid.Bool().Draw(rt, "urgent")}
	if rapid.Bool().Draw(rt, "attempt") {
		r.Attempt = &alma.SettledAttempt{WebhookID: key.WebhookID, Positions: []alma.Position{key.Position}}
	}
	switch rapid.IntRange(0, 5).Draw(rt, "kind") {
	case 0, 1:
		r.Exception = &alma.Exception{WebhookID: key.WebhookID, Position: key.Position, Attempts: n}
	case 2, 3:
		r.Resolved = &key
	case 4: // A replay's attempt finds what stood there before, and takes it away.
		r.Exception = &alma.Exception{WebhookID: key.WebhookID, Position: key.Position, Attempts: n}
		r.Resolved = &key
	default:
		r.Suppressed = &alma.Suppression{WebhookID: key.WebhookID, JobID: "job", Count: int64(n)}
	}
	if rapid.Bool().Draw(rt, "lane") {
		r.Lane = &alma.LaneUpdate{WebhookID: key.WebhookID, Cursor: alma.Position{Seq: int64(n)}}
	}
	return r
}
