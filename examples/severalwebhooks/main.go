// Command severalwebhooks registers three webhooks for different events, each
// with a secret of its own.
//
// It answers "Multiple Webhooks" of the guide.
//
//	go run ./examples/severalwebhooks
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// hooks returns the webhooks to register: which events go where.
func hooks(url string) []alma.WebhookConfig {
	return []alma.WebhookConfig{
		{URL: url + "/analytics", Events: []alma.EventType{alma.Created, alma.Updated}, Secret: "analytics-secret"},
		{URL: url + "/alerts", Events: []alma.EventType{alma.Deleted}, Secret: "alerts-secret"}, // Alert on deletions.
		{URL: url + "/backup", Events: alma.MemoryEventTypes(), Secret: "backup-secret"},        // All events of memories.
	}
}

// deliveries is how many the changes below cause: two, one, and three.
const deliveries = 2 + 1 + 3

func run(ctx context.Context, out io.Writer) error {
	arrived := make(chan string, deliveries)
	mux, err := listeners(arrived)
	if err != nil {
		return err
	}
	server := httptest.NewServer(mux) // Three other services, in life.
	defer server.Close()

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	emitter := events.New(events.Config{})
	manager, err := webhook.New(webhook.Config{
		Storage: db, Emitter: emitter,
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
	defer manager.Shutdown(context.WithoutCancel(ctx))

	if err := changeMemories(ctx, memory.Config{Storage: db, Emitter: emitter}); err != nil {
		return err
	}
	return report(ctx, out, arrived)
}

// changeMemories causes CREATED, UPDATED and DELETED.
func changeMemories(ctx context.Context, cfg memory.Config) error {
	store, err := memory.New(cfg)
	if err != nil {
		return err
	}
	if _, err := store.Save(ctx, alma.DomainKnowledge{ID: "m1", Fact: "Checkout needs a customer number"}); err != nil {
		return err
	}
	if _, err := store.Update(ctx, "m1", 0, json.RawMessage(`{"confidence":0.9}`)); err != nil {
		return err
	}
	return store.Delete(ctx, "m1")
}

// listeners verify with a secret each.
func listeners(arrived chan<- string) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	for _, name := range []string{"analytics", "alerts", "backup"} {
		h, err := receive.New(receive.Config{
			Secrets: []string{name + "-secret"},
			Handle: func(_ context.Context, ev alma.Event) error {
				arrived <- fmt.Sprintf("%s: %s %s", name, ev.Type, ev.MemoryID)
				return nil
			},
		})
		if err != nil {
			return nil, err
		}
		mux.Handle("/"+name, h)
	}
	return mux, nil
}

// report prints what arrived, sorted: webhooks do not wait for one another.
func report(ctx context.Context, out io.Writer, arrived <-chan string) error {
	lines := make([]string, 0, deliveries)
	for range deliveries {
		select {
		case line := <-arrived:
			lines = append(lines, line)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return nil
}
