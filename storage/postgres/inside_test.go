package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/alma-events/alma"
)

func openInside(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), Tables.Database(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func prepared(t *testing.T, id string) alma.Event {
	t.Helper()
	e := alma.Event{ID: id, Type: alma.Created, MemoryID: "m"}
	if err := e.Prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWrap(t *testing.T) {
	t.Parallel()
	server := func(code string) error { return fmt.Errorf("x: %w", &pgconn.PgError{Code: code}) }
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"disk full":          {server("53100"), alma.ErrLowDisk},
		"too many":           {server("53300"), alma.ErrUnavailable},
		"shutting down":      {server("57P01"), alma.ErrUnavailable},
		"crashed":            {server("57P02"), alma.ErrUnavailable},
		"starting":           {server("57P03"), alma.ErrUnavailable},
		"read-only":          {server("25006"), alma.ErrUnavailable},
		"deadlock":           {server("40P01"), alma.ErrUnavailable},
		"serialization":      {server("40001"), alma.ErrUnavailable},
		"lock timeout":       {server("55P03"), alma.ErrUnavailable},
		"statement timeout":  {server("57014"), alma.ErrUnavailable},
		"i/o error":          {server("58030"), alma.ErrUnavailable},
		"fenced":             {server("AL001"), alma.ErrFenced},
		"connection broke":   {fmt.Errorf("x: %w", io.ErrUnexpectedEOF), alma.ErrUnavailable},
		"connection refused": {&net.OpError{Op: "dial", Err: errors.New("refused")}, alma.ErrUnavailable},
		"pool closed":        {puddle.ErrClosedPool, alma.ErrClosed},
		"canceled":           {context.Canceled, context.Canceled},
		"conflict":           {fmt.Errorf("x: %w", alma.ErrConflict), alma.ErrConflict},
	} {
		got := wrap("do it", c.err)
		if !errors.Is(got, c.want) || !strings.HasPrefix(got.Error(), "alma: do it: ") {
			t.Errorf("%s: got %v; want one that is %v", name, got, c.want)
		}
	}
	for _, sentinel := range []error{alma.ErrUnavailable, alma.ErrLowDisk, alma.ErrConflict} {
		if err := wrap("x", server("42703")); errors.Is(err, sentinel) {
			t.Errorf("a mistake in a statement is said to be %v", sentinel)
		}
	}
	if wrap("x", nil) != nil {
		t.Error("no error became one")
	}
}

// TestHorizonWarning names who keeps events from being delivered, once for a
// while.
func TestHorizonWarning(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := openInside(t, Options{HorizonWarning: time.Nanosecond, Logger: slog.New(slog.NewTextHandler(&out, nil))})
	s.stop() // Its own looks write to the log as well.
	s.own.Wait()
	out.Reset()
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.watchHorizon(t.Context()); err != nil || out.Len() > 0 {
		t.Fatalf("warned without a reason: %v %s", err, out.String())
	}
	if _, err := s.AppendTx(t.Context(), tx, prepared(t, "a")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.watchHorizon(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "keeps events from being delivered"); n != 1 {
		t.Errorf("warned %d times, want once:\n%s", n, out.String())
	}
	for _, want := range []string{fmt.Sprint("pid=", tx.Conn().PgConn().PID()), "application=alma", "idle in transaction"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the warning lacks %q:\n%s", want, out.String())
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestNotices: nodes that listen are told of events, and a notice wakes the
// watchers even where there is nothing to be seen yet. Nobody is told when
// nobody listens.
func TestNotices(t *testing.T) {
	t.Parallel()
	s := openInside(t, Options{})
	if s.bell.others.Load() {
		t.Error("somebody seems to listen to a new database")
	}
	watch := s.Watch(t.Context())
	config := s.listens.Copy() // Another node's.
	other, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	say := func(statement string) {
		t.Helper()
		if _, err := other.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	say("LISTEN " + s.eventChannel())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for n := 0; ; n++ { // Until the store knows of the newcomer.
		say("NOTIFY " + s.eventChannel() + ", 'hello'")
		if _, err := s.Append(ctx, []alma.Event{prepared(t, fmt.Sprint("e", n))}); err != nil {
			t.Fatal(err)
		}
		wait, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		notice, err := other.WaitForNotification(wait)
		for err == nil && notice.Payload == "hello" {
			notice, err = other.WaitForNotification(wait)
		}
		stop()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("the other node is not told of events")
		}
	}
	for { // What is on its way still.
		quiet := time.NewTimer(3 * pollSlow)
		select {
		case <-watch:
			quiet.Stop()
			continue
		case <-quiet.C:
		}
		break
	}
	say("NOTIFY " + s.eventChannel())
	select {
	case <-watch:
	case <-ctx.Done():
		t.Error("a notice does not wake the watchers")
	}
}

func TestSearchWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "",
		"two Words":             "'two' | 'words'",
		"twice twice":           "'twice'",
		"Évitez l'ÉTÉ":          "'evitez' | 'l' | 'ete'",
		"a'b & !c | (d:*)":      "'a' | 'b' | 'c' | 'd'",
		"図書館":                   "'図書' | '書館'",
		"図":                     "'図'",
		"go言語":                  "'go' | '言語'",
		"도서관":                   "'도서' | '서관'",
		"\u0301 * \x00":         "",
		strings.Repeat("x", 99): "'" + strings.Repeat("x", maxWordRunes) + "'",
	} {
		if got := searchWords(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprint("w", i)
	}
	if n := strings.Count(searchWords(strings.Join(many, " ")), "|"); n != maxSearchWords-1 {
		t.Errorf("%d words are searched for, want %d", n+1, maxSearchWords)
	}
}

// TestWaves: no two exceptions of a wave share a place, and the order of those
// that do is kept.
func TestWaves(t *testing.T) {
	t.Parallel()
	at := func(n ...int64) (list []alma.Position) {
		for _, seq := range n {
			list = append(list, alma.Position{Xact: 9, Seq: seq})
		}
		return list
	}
	one := func(id, webhook string, members ...int64) alma.Exception {
		e := alma.Exception{BatchID: id, WebhookID: webhook, Position: at(members[0])[0]}
		if len(members) > 1 {
			e.Members = at(members...)
		}
		return e
	}
	list := []alma.Exception{one("a", "wh_1", 1, 2, 3), one("b", "wh_2", 2), one("c", "wh_1", 2), one("d", "wh_1", 4), one("e", "wh_1", 3, 4), one("f", "wh_1", 4)}
	var got []string
	for _, wave := range waves(list) {
		text := ""
		for _, e := range wave {
			text += e.BatchID
		}
		got = append(got, text)
	}
	if want := []string{"abd", "ce", "f"}; !slices.Equal(got, want) {
		t.Errorf("got waves %v, want %v", got, want)
	}
}

// TestStats counts what shares a commit.
func TestStats(t *testing.T) {
	t.Parallel()
	s := openInside(t, Options{MaxConns: 3})
	for i := range 4 {
		if _, err := s.Append(t.Context(), []alma.Event{prepared(t, fmt.Sprint("e", i))}); err != nil {
			t.Fatal(err)
		}
	}
	st, err := s.Stats(t.Context())
	if err != nil || st.Commits != 4 || st.Appends != 4 || st.LargestGroup != 1 || st.Queued != 0 || st.SizeBytes == 0 || st.Connections == 0 || st.Connections > 3 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestLookUpThatFails: when it cannot be found out where an event stands that
// the log held before, who brought others is told what became of them.
func TestLookUpThatFails(t *testing.T) {
	t.Parallel()
	s := openInside(t, Options{})
	first, err := s.Append(t.Context(), []alma.Event{prepared(t, "known")})
	if err != nil {
		t.Fatal(err)
	}
	good := *s.appender.statements
	cut := good
	cut.places = `SELECT $1::text[], pg_terminate_backend(pg_backend_pid())`
	group := func() (fresh, known *appendCall) {
		fresh = newAppendCall([]alma.Event{prepared(t, "fresh")})
		known = newAppendCall([]alma.Event{prepared(t, "more"), prepared(t, "known")})
		return fresh, known
	}
	s.appender.statements = &cut
	fresh, known := group()
	s.appender.run([]*appendCall{fresh, known})
	s.appender.statements = &good
	if err := fresh.wait(t.Context()); err != nil || fresh.answers[0].Duplicate || fresh.answers[0].Position.IsZero() {
		t.Errorf("the append of a new event is answered %+v, %v", fresh.answers, err)
	}
	if err := known.wait(t.Context()); !errors.Is(err, alma.ErrUnavailable) {
		t.Errorf("the append of a known event: got %v; want an error that is ErrUnavailable", err)
	}
	again, err := s.Append(t.Context(), known.events)
	if err != nil || !again[0].Duplicate || again[1].Position != first[0].Position {
		t.Errorf("repeated it is answered %+v, %v", again, err)
	}
}
