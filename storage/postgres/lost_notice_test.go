package postgres_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/pgtest"
	settling "github.com/alma-events/alma/internal/settle"
	"github.com/alma-events/alma/storage/postgres"
)

// TestLostAnswersTellPeopleOnce: a failed delivery is stored, the answer gets
// lost and it is stored again. People are told once.
func TestLostAnswersTellPeopleOnce(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	proxy := pgtest.NewProxy(t, db)
	s := openURL(t, proxy.URL(), postgres.Options{})
	webhook(t, s, "wh_1")
	at := mustAppend(t, s, "a")[0].Position
	settler := settling.New(settling.Config{
		Store: s, Logger: slog.New(slog.DiscardHandler), Mark: func() settling.Mark { return settling.Mark{} }, Recovered: func() {}, Fenced: func(string) {},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); settler.Run(ctx, time.Second) }()
	defer func() { stop(); <-ended }()
	lost := proxy.LoseAnswer("INTO alma_notices")
	settler.Add(flow.Record{Exception: &alma.Exception{WebhookID: "wh_1", Position: at, Status: alma.StatusFailed, Attempts: 4, Notify: true}})
	await(t, lost, "an answer to the notice")
	if err := settler.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM alma_notices"); n != 1 {
		t.Errorf("people are told of one failed delivery %d times", n)
	}
	if n := count(t, db, "SELECT count(*) FROM alma_exceptions WHERE status = 'FAILED'"); n != 1 {
		t.Errorf("%d failed deliveries are stored, want 1", n)
	}
}
