// Command deliverystatus shows how deliveries stand: URL, status, attempts and
// last error.
//
// It answers "Webhook Delivery Status" and "Retry Logic" of the guide: one
// listener takes its delivery, one refuses it for good, one will be tried
// again.
//
//	go run ./examples/deliverystatus
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// hooks returns three webhooks, the last two for listeners that fail.
func hooks(url string) []alma.WebhookConfig {
	return []alma.WebhookConfig{
		{URL: url + "/well"},
		{URL: url + "/broken", RetryCount: new(0)}, // One attempt, no retries.
		// Three retries: 10 min after the first attempt, then 20, then 40.
		{URL: url + "/busy", RetryCount: new(3), RetryDelay: new(10 * time.Minute), RetryBackoff: new(2.0)},
	}
}

func run(ctx context.Context, out io.Writer) error {
	attempted := make(chan struct{}, 3)
	server := httptest.NewServer(listeners(attempted))
	defer server.Close()

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	manager, err := webhook.New(webhook.Config{
		Storage: db, Emitter: events.New(events.Config{}),
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		return err
	}
	for _, hook := range hooks(server.URL) {
		if _, err := manager.Add(ctx, hook); err != nil {
			return err
		}
	}
	if err := manager.Start(ctx); err != nil {
		return err
	}
	if _, err := manager.Append(ctx, alma.Event{Type: alma.Created, MemoryID: "m1"}); err != nil {
		return err
	}
	for range 3 {
		select {
		case <-attempted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// Shutdown waits for what is in flight and makes its outcome durable. The
	// retry that waits goes on after the next Start.
	if err := manager.Shutdown(ctx); err != nil {
		return err
	}
	return show(ctx, out, manager)
}

// show prints the newest deliveries of all webhooks.
func show(ctx context.Context, out io.Writer, manager *webhook.Manager) error {
	deliveries, err := manager.RecentDeliveries(ctx, 20)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		fmt.Fprintln(out, "URL:", d.URL)
		fmt.Fprintln(out, "Status:", d.Status) // SUCCESS, FAILED, PENDING or SUPPRESSED.
		fmt.Fprintln(out, "Attempts:", d.Attempts)
		fmt.Fprintln(out, "Last error:", d.LastError)
		if !d.NextAttemptAt.IsZero() {
			fmt.Fprintln(out, "Next attempt in minutes:", time.Until(d.NextAttemptAt).Round(time.Minute).Minutes())
		}
		fmt.Fprintln(out)
	}
	return nil
}

// listeners tell of each attempt that reaches them.
func listeners(attempted chan<- struct{}) *http.ServeMux {
	mux := http.NewServeMux()
	for path, status := range map[string]int{
		"/well":   http.StatusNoContent,
		"/broken": http.StatusInternalServerError,
		"/busy":   http.StatusServiceUnavailable,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			attempted <- struct{}{}
		})
	}
	return mux
}
