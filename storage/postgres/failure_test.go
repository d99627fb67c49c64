package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// eventually calls f until it succeeds: what depends on a server that comes
// back does so in a moment.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, alma.ErrUnavailable) {
			t.Fatalf("%s: %v; want success, or an error that is ErrUnavailable", what, err)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func appendOne(s *postgres.Store, e alma.Event) func() error {
	return func() error {
		_, err := s.Append(context.Background(), []alma.Event{e})
		return err
	}
}

// TestServerAway: while the server is down all calls say so; when it is back,
// everything goes on by itself, watchers too.
func TestServerAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := openURL(t, server.Database(t), postgres.Options{})
	watch := s.Watch(t.Context())
	nodes := s.WatchNodes(t.Context())
	mustAppend(t, s, "before")
	for name, stop := range map[string]func() error{"stopped": server.Stop, "crashed": server.Kill} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		calls := map[string]error{}
		_, calls["append"] = s.Append(t.Context(), []alma.Event{event(t, "lost-"+name)})
		_, calls["read"] = s.Read(t.Context(), alma.Position{}, 10)
		_, calls["horizon"] = s.Horizon(t.Context())
		calls["settle"] = s.Settle(t.Context(), alma.Settlement{Watermark: alma.Position{Xact: 1, Seq: 1}})
		_, calls["webhook"] = s.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1"})
		_, calls["node"] = s.JoinNode(t.Context(), "x", time.Second)
		_, calls["find"] = s.FindEvents(t.Context(), alma.EventQuery{})
		_, calls["prune"] = s.Prune(t.Context(), alma.Retention{Events: time.Now()})
		for call, err := range calls {
			if !errors.Is(err, alma.ErrUnavailable) {
				t.Errorf("%s: %s: got %v; want one that is ErrUnavailable", name, call, err)
			}
		}
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		drain(watch)
		drain(nodes)
		id := "back-after-" + name
		eventually(t, "append", appendOne(s, event(t, id)))
		awaitEvent(t, s, watch, id)
		eventually(t, "create a webhook", func() error {
			_, err := s.CreateWebhook(context.Background(), alma.Webhook{ID: "wh_" + name, State: alma.StateActive})
			return err
		})
		await(t, nodes, "a webhook was created")
	}
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("no signal: %s", what)
	}
}

// awaitEvent waits until an event can be read, woken by a watch.
func awaitEvent(t testing.TB, s *postgres.Store, watch <-chan struct{}, id string) {
	t.Helper()
	for {
		if got, _ := read(t, s, alma.Position{}); slices.Contains(got, id) {
			return
		}
		await(t, watch, id)
	}
}

// TestCrashUnderAppends: what was acknowledged is there after a crash; what was
// not can be repeated, and is there once.
func TestCrashUnderAppends(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "synchronous_commit=on")
	s := openURL(t, server.Database(t), postgres.Options{})
	var wg sync.WaitGroup
	var failures atomic.Int64
	half := make(chan struct{})
	var count atomic.Int64
	for w := range 8 {
		wg.Go(func() {
			for n := range 40 {
				e := event(t, fmt.Sprintf("%d-%d", w, n))
				eventually(t, "append", func() error {
					err := appendOne(s, e)()
					if err != nil {
						failures.Add(1)
					}
					return err
				})
				if count.Add(1) == 100 {
					close(half)
				}
			}
		})
	}
	<-half
	if err := server.Kill(); err != nil {
		t.Error(err)
	}
	if err := server.Restart(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	got, _ := read(t, s, alma.Position{})
	slices.Sort(got)
	if n := len(slices.Compact(slices.Clone(got))); n != 320 || len(got) != 320 {
		t.Errorf("the log holds %d events, %d different ones; want 320", len(got), n)
	}
	if failures.Load() == 0 {
		t.Error("no append failed: the crash came too late")
	}
}

// TestConnectionsCut while appends and settles run: each call that failed can
// be repeated, and nothing is lost or doubled.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	s := openURL(t, db, postgres.Options{})
	if _, err := s.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1", State: alma.StateActive}); err != nil {
		t.Fatal(err)
	}
	succeeded := make(chan struct{}, 180) // All are cut again and again, but not so soon that nothing gets done.
	var cutter sync.WaitGroup
	cutter.Go(func() {
		n := 0
		for range succeeded {
			if n++; n%3 == 0 {
				admin(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			}
		}
	})
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for n := range 15 {
				e := event(t, fmt.Sprintf("%d-%d", w, n))
				var at alma.Position
				eventually(t, "append", func() error {
					answers, err := s.Append(context.Background(), []alma.Event{e})
					if err == nil {
						at = answers[0].Position
					}
					return err
				})
				succeeded <- struct{}{}
				attempt := alma.Attempt{Number: 1, At: time.Now(), StatusCode: 200}
				eventually(t, "settle", func() error {
					return s.Settle(context.Background(), alma.Settlement{Attempts: []alma.SettledAttempt{{WebhookID: "wh_1", Positions: []alma.Position{at}, Attempt: attempt}}})
				})
				succeeded <- struct{}{}
			}
		})
	}
	wg.Wait()
	close(succeeded)
	cutter.Wait()
	var got []string
	eventually(t, "read", func() error {
		page, err := s.Read(context.Background(), alma.Position{}, 1000)
		got = nil
		for _, e := range page.Events {
			got = append(got, e.ID)
		}
		return err
	})
	slices.Sort(got)
	if n := len(slices.Compact(slices.Clone(got))); n != 90 || len(got) != 90 {
		t.Errorf("the log holds %d events, %d different ones; want 90", len(got), n)
	}
	page, err := s.FindDeliveries(t.Context(), alma.DeliveryQuery{Cursor: alma.Cursor{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range page.Items {
		if d.Attempts != 1 {
			t.Errorf("%s has %d attempts, want 1", d.EventID, d.Attempts)
		}
	}
	if len(page.Items) != 90 {
		t.Errorf("%d deliveries are listed, want 90", len(page.Items))
	}
}

// TestTimeout: a server that does not answer is noticed, and it is not the
// caller's deadline that has passed.
func TestTimeout(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{Timeout: 300 * time.Millisecond})
	tx := begin(t, s)
	exec(t, tx, "LOCK TABLE alma_events, alma_keys IN ACCESS EXCLUSIVE MODE")
	for name, call := range map[string]func() error{
		"read":   func() error { _, err := s.Read(t.Context(), alma.Position{}, 10); return err },
		"append": appendOne(s, event(t, "a")),
		"keys":   func() error { _, err := s.Keys(t.Context()); return err },
	} {
		if err := call(); !errors.Is(err, alma.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v; want one that is ErrUnavailable, and no passed deadline of the caller", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Keys(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want the caller's passed deadline", err)
	}
	commit(t, tx)
	eventually(t, "append", appendOne(s, event(t, "b")))
}

// TestReadOnlyWhileRunning: a server that takes no writes any more says so, and
// calls succeed when it does again.
func TestReadOnlyWhileRunning(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	s := openURL(t, db, postgres.Options{})
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	set := func(value string) {
		name := strings.TrimPrefix(u.Path, "/")
		admin(t, db+"&default_transaction_read_only=off", "ALTER DATABASE "+name+" SET default_transaction_read_only = "+value)
		admin(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	}
	set("on")
	var last error
	for range 5 { // The first may find the cut connection.
		_, last = s.Append(t.Context(), []alma.Event{event(t, "a")})
		if !errors.Is(last, alma.ErrUnavailable) {
			t.Fatalf("got %v; want one that is ErrUnavailable", last)
		}
	}
	if !strings.Contains(last.Error(), "takes no writes") {
		t.Errorf("got %v; want it to say that the server takes no writes", last)
	}
	set("off")
	eventually(t, "append", appendOne(s, event(t, "b")))
}

// TestBadTextFailsAlone: what PostgreSQL cannot store fails with a fault that
// says so, and takes none of its neighbours along.
func TestBadTextFailsAlone(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			var invalid *alma.ValidationError
			e := event(t, fmt.Sprint("e", i))
			if i%4 == 0 {
				e.MemoryID = "nul \x00 in it"
			}
			_, err := s.Append(context.Background(), []alma.Event{e})
			if bad := errors.As(err, &invalid); bad != (i%4 == 0) || err != nil && !bad {
				t.Errorf("event %d: got %v", i, err)
			}
		})
	}
	wg.Wait()
	if got, _ := read(t, s, alma.Position{}); len(got) != 30 {
		t.Errorf("the log holds %d events, want 30", len(got))
	}
}
