// Command quickstart saves a memory, runs a callback, and delivers the event to
// a listener that verifies it.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/netip"
	"os"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func main() { run(context.Background(), os.Stdout) }

func run(ctx context.Context, out io.Writer) {
	// A store: a file (sqlite.Open), or as here a database in memory.
	db := must(sqlite.OpenMemory(ctx))
	defer db.Close()

	// In this process: a callback for each memory that is created.
	events.Default().Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Fprintln(out, "called back:", ev.MemoryID)
		return nil
	})

	// Elsewhere: a listener. It verifies deliveries and drops repeats.
	arrived := make(chan alma.Event, 1)
	listener := httptest.NewServer(must(receive.New(receive.Config{
		Secrets: []string{"your-secret-key"},
		Handle:  func(_ context.Context, ev alma.Event) error { arrived <- ev; return nil },
	})))
	defer listener.Close()

	// Between them: the manager, and a webhook for the listener.
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	manager := must(webhook.New(webhook.Config{Storage: db, AllowCIDRs: loopback}))
	must(manager.Add(ctx, alma.WebhookConfig{URL: listener.URL, Secret: "your-secret-key"}))
	check(manager.Start(ctx))
	defer manager.Shutdown(ctx)

	// A memory, committed together with its event.
	store := must(memory.New(memory.Config{Storage: db}))
	must(store.Save(ctx, alma.Heuristic{ID: "m1", Agent: "qa", Strategy: "Validate forms field by field"}))
	fmt.Fprintln(out, "delivered:", (<-arrived).MemoryID)
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
