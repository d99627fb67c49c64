package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// TestClockJumps: time jumps into days that nobody has made, while events are
// appended and attempts stored all the time, and two nodes make each such day
// at once. Nothing fails, and each event is in the log once, in its day.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	url := Tables.Database(t)
	var nodes [2]*Store
	for i := range nodes {
		s, err := Open(context.Background(), url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		nodes[i] = s
	}
	if _, err := nodes[0].CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1", State: alma.StateActive}); err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[time.Time]
	now.Store(new(time.Now()))
	writers := []func(id string) error{
		func(id string) error {
			_, err := nodes[0].Append(context.Background(), []alma.Event{prepared(t, id)})
			return err
		},
		func(id string) error {
			return pgx.BeginFunc(context.Background(), nodes[1].pool, func(tx pgx.Tx) error {
				_, err := nodes[1].AppendTx(context.Background(), tx, prepared(t, id))
				return err
			})
		},
		func(string) error {
			a := alma.SettledAttempt{WebhookID: "wh_1", Positions: []alma.Position{{Xact: 1, Seq: 1}}, Attempt: alma.Attempt{Number: 1, At: now.Load().Add(time.Duration(time.Now().Nanosecond()))}}
			return nodes[0].Settle(context.Background(), alma.Settlement{Attempts: []alma.SettledAttempt{a}})
		},
	}
	counts := make([]atomic.Int64, len(writers))
	done := make(chan struct{})
	var writing sync.WaitGroup
	for w, write := range writers {
		writing.Go(func() {
			for n := int64(1); ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := write(fmt.Sprintf("%d-%d", w, n)); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
				counts[w].Store(n)
			}
		})
	}
	for jump := 1; jump <= 3; jump++ {
		ahead := time.Now().AddDate(0, 0, 10*jump)
		now.Store(&ahead)
		for _, s := range nodes {
			s.appender.note(ahead)
		}
		for w := range counts { // Each of them has met that day.
			for n := counts[w].Load(); counts[w].Load() < n+2; {
				pause(t.Context(), time.Millisecond)
			}
		}
		var making sync.WaitGroup
		for _, s := range nodes {
			making.Go(func() {
				for made := false; !made; { // Whoever cannot be alone tries again.
					err := s.makePartitionsNow(t.Context())
					if made = err == nil; !made && code(err) != codeLockTimeout {
						t.Error(err)
						return
					}
				}
			})
		}
		making.Wait()
	}
	close(done)
	writing.Wait()
	want := counts[0].Load() + counts[1].Load()
	var all, different, stray int64
	const look = `SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM alma_events_default) + (SELECT count(*) FROM alma_attempts_default) FROM alma_events`
	if err := nodes[0].pool.QueryRow(t.Context(), look).Scan(&all, &different, &stray); err != nil {
		t.Fatal(err)
	}
	if all != want || different != want || stray != 0 {
		t.Errorf("the log holds %d events, %d different ones, want %d; %d rows stand outside their days, want none", all, different, want, stray)
	}
}
