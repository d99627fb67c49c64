package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// oldDays appends an event a day, ago days back, as if it had been appended
// and attempted then.
func oldDays(t *testing.T, s *postgres.Store, ago ...int) []alma.Appended {
	t.Helper()
	var out []alma.Appended
	for _, days := range ago {
		a := mustAppend(t, s, fmt.Sprintf("ago-%d", days))[0]
		a.AppendedAt = time.Now().UTC().AddDate(0, 0, -days).Truncate(time.Microsecond)
		exec(t, s.Pool(), "UPDATE alma_events SET appended_at = $1 WHERE id = $2", a.AppendedAt, a.ID)
		exec(t, s.Pool(), "UPDATE alma_event_ids SET appended_at = $1 WHERE id = $2", a.AppendedAt, a.ID)
		settle(t, s, alma.Settlement{Attempts: []alma.SettledAttempt{attempted("wh_1", a)}})
		out = append(out, a)
	}
	return out
}

func attempted(webhook string, a alma.Appended) alma.SettledAttempt {
	return alma.SettledAttempt{WebhookID: webhook, Positions: []alma.Position{a.Position}, Attempt: alma.Attempt{Number: 1, At: a.AppendedAt, StatusCode: 200}}
}

func settle(t testing.TB, s *postgres.Store, st alma.Settlement) {
	t.Helper()
	if err := s.Settle(context.Background(), st); err != nil {
		t.Fatal(err)
	}
}

func webhook(t testing.TB, s *postgres.Store, id string) {
	t.Helper()
	if _, err := s.CreateWebhook(context.Background(), alma.Webhook{ID: id, State: alma.StateActive, Config: alma.WebhookConfig{URL: "https://example.com"}}); err != nil {
		t.Fatal(err)
	}
}

func prune(t testing.TB, s *postgres.Store, r alma.Retention) alma.Pruned {
	t.Helper()
	var sum alma.Pruned
	for range 100 {
		p, err := s.Prune(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		sum.Events += p.Events
		sum.Attempts += p.Attempts
		sum.Deliveries += p.Deliveries
		if !p.More {
			return sum
		}
	}
	t.Fatal("it does not end")
	return sum
}

func deliveries(t testing.TB, s *postgres.Store) []string {
	t.Helper()
	page, err := s.FindDeliveries(context.Background(), alma.DeliveryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, d := range page.Items {
		list = append(list, d.WebhookID+" "+d.EventID)
	}
	return list
}

func partitions(t testing.TB, s *postgres.Store) int {
	t.Helper()
	var n int
	if err := s.Pool().QueryRow(context.Background(), "SELECT count(*) FROM pg_class WHERE relname ~ '^alma_(events|attempts|gone)_2' AND relkind = 'r'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPruneDropsDays: old days go with all that stands about their events, and
// the tables that held them; ids may be used again.
func TestPruneDropsDays(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	webhook(t, s, "wh_1")
	before := partitions(t, s)
	old := oldDays(t, s, 40, 39, 31, 10)
	today := mustAppend(t, s, "today")[0]
	settle(t, s, alma.Settlement{
		Watermark: today.Position, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}}, Attempts: []alma.SettledAttempt{attempted("wh_1", today)},
		Exceptions: []alma.Exception{{WebhookID: "wh_1", Position: old[1].Position, Status: alma.StatusFailed, Message: &alma.Message{Body: []byte("x")}}},
	})
	done := prune(t, s, alma.Retention{Events: time.Now().AddDate(0, 0, -30)})
	if done.Events != 3 {
		t.Errorf("%d events were removed, want 3", done.Events)
	}
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "ago-10", "today")
	wantIDs(t, deliveries(t, s), "wh_1 today", "wh_1 ago-10")
	for _, table := range []string{"alma_exceptions", "alma_messages"} {
		var n int
		if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s holds %d rows, %v; want none", table, n, err)
		}
	}
	if a := mustAppend(t, s, "ago-40")[0]; a.Duplicate {
		t.Error("the id of a removed event is still taken")
	}
	if n := partitions(t, s); n != before { // What is left of old days stands in the default partition.
		t.Errorf("there are %d partitions, want %d as before", n, before)
	}
}

// TestPruneKeepsWhatIsNeeded: a day is kept as long as one of its events is
// needed, and later days go all the same.
func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	webhook(t, s, "wh_1")
	old := oldDays(t, s, 40, 39, 38)
	today := mustAppend(t, s, "today")[0]
	settle(t, s, alma.Settlement{
		Watermark: today.Position, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}},
		Exceptions: []alma.Exception{{WebhookID: "wh_1", Position: old[1].Position, Status: alma.StatusPending}},
	})
	r := alma.Retention{Events: time.Now().AddDate(0, 0, -30)}
	prune(t, s, r)
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "ago-39", "today")
	settle(t, s, alma.Settlement{Resolved: []alma.DeliveryKey{{WebhookID: "wh_1", Position: old[1].Position}}})
	prune(t, s, r)
	got, _ = read(t, s, alma.Position{})
	wantIDs(t, got, "today")
}

// TestPruneGoesOn: what a process left half done, when it died while it
// removed a day, another finishes.
func TestPruneGoesOn(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	s := openURL(t, db, postgres.Options{})
	oldDays(t, s, 40)
	today := mustAppend(t, s, "today")[0]
	settle(t, s, alma.Settlement{Watermark: today.Position})
	r := alma.Retention{Events: time.Now().AddDate(0, 0, -30)}
	for hidden := 0; hidden == 0; { // Step by step, until the day has left the log.
		if p, err := s.Prune(t.Context(), r); err != nil || !p.More {
			t.Fatalf("%+v, %v", p, err)
		}
		hidden = count(t, db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'alma_gone%' AND relkind = 'r'")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openURL(t, db, postgres.Options{})
	prune(t, s, r)
	if n := count(t, db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'alma_gone%' AND relkind = 'r'"); n != 0 {
		t.Error("a day that was to go is still there")
	}
	if n := count(t, db, "SELECT count(*) FROM alma_event_ids"); n != 1 {
		t.Errorf("%d ids are left, want 1", n)
	}
}

// TestPruneAttempts drops days of attempts, but keeps those that a webhook
// needs which is behind.
func TestPruneAttempts(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	webhook(t, s, "wh_1")
	webhook(t, s, "wh_behind")
	yesterday := time.Now().AddDate(0, 0, -1)
	list := mustAppend(t, s, "a", "b", "c")
	for i := range list {
		list[i].AppendedAt = yesterday
	}
	settle(t, s, alma.Settlement{
		Watermark: list[2].Position,
		Lanes:     []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}, {WebhookID: "wh_behind", Cursor: list[0].Position}},
		Attempts:  []alma.SettledAttempt{attempted("wh_1", list[0]), attempted("wh_behind", list[0]), attempted("wh_behind", list[2])},
	})
	done := prune(t, s, alma.Retention{Attempts: time.Now()})
	if done.Attempts != 2 {
		t.Errorf("%d attempts were removed, want 2", done.Attempts)
	}
	wantIDs(t, deliveries(t, s), "wh_behind c")
	settled, err := s.Settled(t.Context(), "wh_behind", list[0].Position)
	if err != nil || !slices.Equal(settled, []alma.Position{list[2].Position}) {
		t.Errorf("settled is %v, %v; want %v", settled, err, list[2].Position)
	}
	settle(t, s, alma.Settlement{Lanes: []alma.LaneUpdate{{WebhookID: "wh_behind", Shared: true}}})
	prune(t, s, alma.Retention{Attempts: time.Now()})
	wantIDs(t, deliveries(t, s))
}

// TestPruneBesideOthers: appends, settles and reads go on beside it, and of
// several processes one prunes.
func TestPruneBesideOthers(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	a, b := openURL(t, db, postgres.Options{}), openURL(t, db, postgres.Options{})
	webhook(t, a, "wh_1")
	oldDays(t, a, 45, 44, 43, 42, 41)
	today := mustAppend(t, a, "today")[0]
	settle(t, a, alma.Settlement{Watermark: today.Position, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 100 {
			added := mustAppend(t, b, fmt.Sprint("new-", n))[0]
			settle(t, b, alma.Settlement{Attempts: []alma.SettledAttempt{attempted("wh_1", added)}, Exceptions: []alma.Exception{{WebhookID: "wh_1", Position: added.Position, Status: alma.StatusFailed}}})
			read(t, b, today.Position)
		}
	}()
	r := alma.Retention{Events: time.Now().AddDate(0, 0, -30), Attempts: time.Now().AddDate(0, 0, -7)}
	pruned := make(chan alma.Pruned, 2)
	for _, s := range []*postgres.Store{a, b} {
		go func() { pruned <- prune(t, s, r) }()
	}
	one, two := <-pruned, <-pruned
	<-done
	rest := prune(t, a, r)
	if n := one.Events + two.Events + rest.Events; n != 5 {
		t.Errorf("%d events were removed, want 5", n)
	}
	if got, _ := read(t, a, alma.Position{}); len(got) != 101 {
		t.Errorf("the log holds %d events, want 101", len(got))
	}
}

// TestOpenBesideALongReader: a dump, say, reads all tables for hours. Who opens
// the database meanwhile does without new partitions, and holds nobody up.
func TestOpenBesideALongReader(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	s := openURL(t, db, postgres.Options{})
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format("20060102")
	exec(t, s.Pool(), "DROP TABLE alma_events_"+tomorrow)
	reader := begin(t, s)
	exec(t, reader, "LOCK TABLE alma_events_default IN ACCESS SHARE MODE")
	second := openURL(t, db, postgres.Options{})
	mustAppend(t, second, "a")
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "a")
	commit(t, reader)
	openURL(t, db, postgres.Options{})
	if n := count(t, db, "SELECT count(*) FROM pg_class WHERE relname = 'alma_events_"+tomorrow+"'"); n != 1 {
		t.Error("the next who opened the database has not made tomorrow's partition")
	}
}

// TestStrayRows: events and attempts that had no partition move to one when it
// is made, and are found before and after.
func TestStrayRows(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	webhook(t, s, "wh_1")
	oldDays(t, s, 3)
	mustAppend(t, s, "today")
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "ago-3", "today")
	page, err := s.FindEvents(t.Context(), alma.EventQuery{IDs: []string{"ago-3"}})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("by its id %d events are found, %v; want 1", len(page.Items), err)
	}
	prune(t, s, alma.Retention{Events: time.Now().AddDate(0, 0, -1)}) // Nobody has come past them.
	got, _ = read(t, s, alma.Position{})
	wantIDs(t, got, "ago-3", "today")
	var stray int
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM alma_events_default").Scan(&stray); err != nil || stray != 0 {
		t.Errorf("%d events stand in the default partition, %v; want none", stray, err)
	}
}
