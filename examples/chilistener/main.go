// Command chilistener is a listener behind the router chi: the middleware
// verifies, and the program's own handler reads the body, raw as it came; or
// package receive does all of it, and remembers in SQLite what was handled.
//
// The program serves both, and sends itself a delivery of Standard Webhooks,
// twice, and a forgery.
//
//	go run ./examples/chilistener
package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	_ "modernc.org/sqlite"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	db, err := sql.Open("sqlite", "file:seen?mode=memory&cache=shared&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	router, err := newRouter(ctx, db, out)
	if err != nil {
		return err
	}
	server := httptest.NewServer(router)
	defer server.Close()
	body := []byte(`{"type":"order.paid","timestamp":"2026-01-28T12:00:00Z","data":{"id":"ord_7","total":1.50}}`)
	for _, path := range []string{"/raw", "/events", "/events"} {
		if err := post(ctx, out, server.URL+path, body, secret); err != nil {
			return err
		}
	}
	return post(ctx, out, server.URL+"/events", body, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
}

// newRouter puts both ways under a path of their own.
func newRouter(ctx context.Context, db *sql.DB, out io.Writer) (http.Handler, error) {
	listener := receive.Config{
		Format:  alma.FormatStandard,
		Secrets: []string{secret},              // Several while it is being changed.
		Logger:  slog.New(slog.DiscardHandler), // It would tell of forgeries.
	}
	verify, err := receive.NewMiddleware(listener)
	if err != nil {
		return nil, err
	}
	if listener.Seen, err = receive.NewSQLStore(ctx, db, receive.SQLOptions{}); err != nil {
		return nil, err
	}
	listener.Handle = func(_ context.Context, e alma.Event) error {
		fmt.Fprintln(out, "handled:", e.ID, e.Type, e.MemoryID)
		return nil
	}
	events, err := receive.New(listener)
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.With(verify).Post("/raw", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // It is in memory: the middleware has read it.
		fmt.Fprintln(out, "verified:", string(body))
		w.WriteHeader(http.StatusNoContent)
	})
	r.Handle("/events", events) // All methods: some formats ask with GET or OPTIONS first.
	return r, nil
}

// post sends a body as a sender of Standard Webhooks does.
func post(ctx context.Context, out io.Writer, url string, body []byte, secret string) error {
	now := time.Now()
	signature, err := wire.SignStandard(secret, "msg_1", now, body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set(wire.HeaderWebhookID, "msg_1")
	req.Header.Set(wire.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(wire.HeaderWebhookSignature, signature)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Fprintln(out, "answered:", resp.Status)
	return nil
}
