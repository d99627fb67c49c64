package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// losing runs a call whose transaction commits and whose answer is lost. It
// must say that it may be repeated.
func losing(t *testing.T, proxy *pgtest.Proxy, statement string, call func() error) {
	t.Helper()
	lost := proxy.LoseAnswer(statement)
	if err := call(); !errors.Is(err, alma.ErrUnavailable) {
		t.Fatalf("the answer was lost: got %v; want an error that is ErrUnavailable", err)
	}
	await(t, lost, "an answer to "+statement)
}

// TestLostAnswers: what committed without anybody hearing of it, and is
// repeated, is there once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	proxy := pgtest.NewProxy(t, db)
	s := openURL(t, proxy.URL(), postgres.Options{})
	webhook(t, s, "wh_1")
	mustAppend(t, s, "before")

	appending := appendOne(s, event(t, "a"))
	losing(t, proxy, "INTO "+`"public".alma_events`, appending)
	if n := count(t, db, "SELECT count(*) FROM alma_events WHERE id = 'a'"); n != 1 {
		t.Fatalf("the log holds the event %d times: its commit was not the one whose answer was lost", n)
	}
	again := mustAppend(t, s, "a")[0]
	if !again.Duplicate {
		t.Error("the repeated append is no duplicate")
	}
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "before", "a")

	r, err := s.CreateReplay(t.Context(), alma.Replay{ID: "rpl_1", WebhookID: "wh_1"})
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.JoinNode(t.Context(), "node", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := s.TakeSlots(t.Context(), session.Node, []alma.Slot{alma.SlotOf("wh_1")})
	if err != nil || len(taken.Slots) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	again.AppendedAt = time.Now()
	for id, statement := range map[string]string{"one": "INTO alma_attempts", "two": "UPDATE alma_replays"} {
		settling := func() error {
			return s.Settle(t.Context(), alma.Settlement{
				ID: id, Node: session.Node, Watermark: again.Position, Joined: []alma.Slot{alma.SlotOf("wh_1")}, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Cursor: again.Position}},
				Attempts: []alma.SettledAttempt{attempted("wh_1", again)},
				Replays:  []alma.ReplayProgress{{ReplayID: r.ID, Cursor: again.Position, Looked: 1, Delivered: 1}},
			})
		}
		losing(t, proxy, statement, settling)
		eventually(t, "settle", settling)
	}
	if n := count(t, db, "SELECT count(*) FROM alma_attempts"); n != 1 {
		t.Errorf("there are %d attempts, want 1", n)
	}
	lanes, err := s.Lanes(t.Context(), []string{"wh_1"})
	if err != nil || len(lanes) != 1 || lanes[0].Cursor != again.Position {
		t.Errorf("the webhook stands at %+v, %v; want %s", lanes, err, again.Position)
	}
	if r, err = s.Replay(t.Context(), r.ID); err != nil || r.Looked != 2 || r.Delivered != 2 || r.Cursor != again.Position {
		t.Errorf("after two settlements, each sent twice, the replay is %+v, %v", r, err)
	}
}

// TestFrozenServer: a server that takes connections and answers nothing is told
// soon to who appends, also to those who came later, and all goes on when it
// does.
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	server := pgtest.Start(t)
	s := openURL(t, server.Database(t), postgres.Options{AppendTimeout: limit})
	mustAppend(t, s, "before")
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	tick := time.NewTicker(limit / 10)
	defer tick.Stop()
	for _, id := range []string{"a", "b", "c", "d"} {
		go func() {
			began := time.Now()
			err := appendOne(s, event(t, id))()
			if took := time.Since(began); took > 4*limit { // A machine may be busy.
				t.Errorf("%s: an append took %s; the limit is %s", id, took, limit)
			}
			failed <- err
		}()
		<-tick.C
	}
	for range 4 {
		if err := <-failed; !errors.Is(err, alma.ErrUnavailable) {
			t.Errorf("got %v; want an error that is ErrUnavailable", err)
		}
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c", "d"} {
		eventually(t, "append", appendOne(s, event(t, id)))
	}
	got, _ := read(t, s, alma.Position{})
	if len(got) != 5 {
		t.Errorf("the log holds %v; want each event once", got)
	}
}
