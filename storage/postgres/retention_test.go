package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// madeOldDays makes partitions of days that are ago days back, as if somebody had
// made them then.
func madeOldDays(t *testing.T, s *postgres.Store, ago ...int) {
	t.Helper()
	for _, days := range ago {
		d := time.Now().UTC().AddDate(0, 0, -days).Truncate(24 * time.Hour)
		exec(t, s.Pool(), fmt.Sprintf("CREATE TABLE alma_events_%s PARTITION OF alma_events FOR VALUES FROM ('%s') TO ('%s')",
			d.Format("20060102"), d.Format(time.RFC3339), d.AddDate(0, 0, 1).Format(time.RFC3339)))
	}
}

// eachPlace runs a test with old events that stand in partitions of their days,
// and with some that stand in the default partition, for nobody made any.
func eachPlace(t *testing.T, test func(t *testing.T, old func(t *testing.T, s *postgres.Store, ago ...int) []alma.Appended)) {
	t.Parallel()
	t.Run("in their days", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T, s *postgres.Store, ago ...int) []alma.Appended {
			t.Helper()
			madeOldDays(t, s, ago...)
			return oldDays(t, s, ago...)
		})
	})
	t.Run("in the default partition", func(t *testing.T) {
		t.Parallel()
		test(t, oldDays)
	})
}

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
func TestPruneDropsDays(t *testing.T) { eachPlace(t, pruneDropsDays) } //nolint:paralleltest // eachPlace is.

func pruneDropsDays(t *testing.T, oldDays func(t *testing.T, s *postgres.Store, ago ...int) []alma.Appended) {
	s := open(t, postgres.Options{})
	webhook(t, s, "wh_1")
	old := oldDays(t, s, 40, 39, 31, 10)
	before := partitions(t, s)
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
	if n := partitions(t, s); n != before && n != before-3 { // There may have been none.
		t.Errorf("there are %d partitions of %d, want three less, or all where there were none of these days", n, before)
	}
}

// TestPruneKeepsWhatIsNeeded: a day is kept as long as one of its events is
// needed, and later days go all the same.
func TestPruneKeepsWhatIsNeeded(t *testing.T) { eachPlace(t, pruneKeepsWhatIsNeeded) } //nolint:paralleltest // eachPlace is.

func pruneKeepsWhatIsNeeded(t *testing.T, oldDays func(t *testing.T, s *postgres.Store, ago ...int) []alma.Appended) {
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
func TestPruneGoesOn(t *testing.T) { eachPlace(t, pruneGoesOn) } //nolint:paralleltest // eachPlace is.

func pruneGoesOn(t *testing.T, oldDays func(t *testing.T, s *postgres.Store, ago ...int) []alma.Appended) {
	db := postgres.Tables.Database(t)
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
	db := postgres.Tables.Database(t)
	a, b := openURL(t, db, postgres.Options{}), openURL(t, db, postgres.Options{})
	webhook(t, a, "wh_1")
	madeOldDays(t, a, 45, 44, 42, 41)
	oldDays(t, a, 45, 44, 43, 42, 41) // One stands in the default partition.
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
	db := postgres.Tables.Database(t)
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

// TestStrayRows: events that had no partition move to one when it is made, and
// are found before and after.
func TestStrayRows(t *testing.T) {
	t.Parallel()
	s, db := unprepared(t)
	mustAppend(t, s, "a", "b")
	look := func(s *postgres.Store) {
		t.Helper()
		got, _ := read(t, s, alma.Position{})
		wantIDs(t, got, "a", "b")
		page, err := s.FindEvents(t.Context(), alma.EventQuery{IDs: []string{"b"}})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("by its id %d events are found, %v; want 1", len(page.Items), err)
		}
	}
	look(s)
	second := openURL(t, db, postgres.Options{})
	if n := count(t, db, "SELECT count(*) FROM "+today("alma_events")); n != 2 {
		t.Errorf("the day holds %d events, want 2", n)
	}
	look(s)
	look(second)
}

// TestManyStrayRows: a day of which there are many in the default partition
// stays there, for everybody would have to wait while they move.
func TestManyStrayRows(t *testing.T) {
	t.Parallel()
	s, db := unprepared(t)
	exec(t, s.Pool(), `INSERT INTO alma_attempts (webhook, xact, seq, at, number, duration, status_code) SELECT 1, 1, n, now(), 1, 1, 200 FROM generate_series(1, 10001) AS n`)
	openURL(t, db, postgres.Options{})
	if n := count(t, db, "SELECT count(*) FROM alma_attempts_default"); n != 10001 {
		t.Errorf("the default partition holds %d attempts, want all", n)
	}
	if n := count(t, db, "SELECT count(*) FROM pg_class WHERE relname = '"+today("alma_events")+"'"); n != 1 {
		t.Error("the day of the log was not made")
	}
	exec(t, s.Pool(), `DELETE FROM alma_attempts WHERE seq = 1`)
	openURL(t, db, postgres.Options{})
	if n := count(t, db, "SELECT count(*) FROM "+today("alma_attempts")); n != 10000 {
		t.Errorf("the day holds %d attempts, want those that were few enough", n)
	}
}

// stray puts events into the default partition, as if they had been appended 40
// days ago. Their places are before that of any real one.
func stray(t *testing.T, s *postgres.Store, from, to int) {
	t.Helper()
	const events = `INSERT INTO alma_events (xact, seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data)
		SELECT 1, n, 's' || n, 'CREATED', 'm', 'heuristic', 'a', 'p', 1, 2, now() - interval '40 days', '{}' FROM generate_series($1::int, $2::int) AS n`
	exec(t, s.Pool(), events, from, to)
	exec(t, s.Pool(), `INSERT INTO alma_event_ids (id, xact, seq, appended_at) SELECT id, xact, seq, appended_at FROM alma_events_default`)
}

// TestPruneManyStrayEvents: two processes take turns at removing old events that
// stand in no partition of their day, in steps, and leave nothing behind but
// what is needed.
func TestPruneManyStrayEvents(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	a, b := openURL(t, db, postgres.Options{}), openURL(t, db, postgres.Options{})
	webhook(t, a, "wh_1")
	now := mustAppend(t, a, "now")[0]
	settle(t, a, alma.Settlement{
		Watermark: now.Position, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}},
		Exceptions: []alma.Exception{{WebhookID: "wh_1", Position: alma.Position{Xact: 1, Seq: 3000}, Status: alma.StatusPending}},
	})
	r := alma.Retention{Events: time.Now().AddDate(0, 0, -30)}
	stray(t, a, 2000, 4000)
	var first int64
	for first == 0 { // It is in the middle of it, and then the other one takes over.
		p, err := a.Prune(t.Context(), r)
		if err != nil || !p.More {
			t.Fatalf("%+v, %v", p, err)
		}
		first = p.Events
	}
	if n := first + prune(t, b, r).Events; n != 2000 {
		t.Errorf("%d events are said to be removed, want 2000", n)
	}
	exec(t, a.Pool(), `DELETE FROM alma_event_ids WHERE xact = 1`) // That of the one that is needed: it is put there once more.
	stray(t, a, 1, 500)
	if n := prune(t, a, r).Events; n != 500 {
		t.Errorf("%d events are said to be removed, want 500", n)
	}
	for _, table := range []string{"alma_events", "alma_event_ids"} {
		if n := count(t, db, "SELECT count(*) FROM "+table); n != 2 {
			t.Errorf("%s holds %d rows, want that of today and that of a pending delivery", table, n)
		}
	}
	if n := count(t, db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'alma_gone%'"); n != 0 {
		t.Errorf("%d tables are left", n)
	}
}
