// Command replay sends a listener again what it has lost: everything of a
// stretch of time, and then all that failed.
//
//	go run ./examples/replay
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
	"sync/atomic"
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

func run(ctx context.Context, out io.Writer) error {
	var broken atomic.Bool
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer listener.Close()

	manager, err := start(ctx)
	if err != nil {
		return err
	}
	defer manager.Shutdown(context.WithoutCancel(ctx))
	hook, err := manager.Add(ctx, alma.WebhookConfig{URL: listener.URL, RetryCount: new(0)})
	if err != nil {
		return err
	}
	if err := appendOrders(ctx, manager, "o-1", "o-2", "o-3"); err != nil {
		return err
	}
	if err := attempted(ctx, manager, 3); err != nil {
		return err
	}

	// The listener has lost its data of the last hour. A replay sends it again,
	// beside what is new, and goes on over restarts of this program.
	replay, err := manager.Replay(ctx, hook.ID, alma.ReplayQuery{Since: time.Now().Add(-time.Hour)})
	if err != nil {
		return err
	}
	if err := follow(ctx, out, manager, replay.ID); err != nil {
		return err
	}

	// For a while the listener failed. All that failed is tried again.
	broken.Store(true)
	if err := appendOrders(ctx, manager, "o-4", "o-5"); err != nil {
		return err
	}
	if err := attempted(ctx, manager, 5); err != nil {
		return err
	}
	broken.Store(false)
	replays, err := manager.RetryFailed(ctx, webhook.RetryFilter{})
	if err != nil {
		return err
	}
	for _, r := range replays {
		if err := follow(ctx, out, manager, r.ID); err != nil {
			return err
		}
	}
	return nil
}

func start(ctx context.Context) (*webhook.Manager, error) {
	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return nil, err
	}
	manager, err := webhook.New(webhook.Config{
		Storage: db, Emitter: events.New(events.Config{}),
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		// How long the log is kept, and so how far back a replay can reach.
		Retention: webhook.Retention{Events: 90 * 24 * time.Hour},
	})
	if err != nil {
		return nil, err
	}
	return manager, manager.Start(ctx)
}

func appendOrders(ctx context.Context, manager *webhook.Manager, ids ...string) error {
	for _, id := range ids {
		if _, err := manager.Append(ctx, alma.Event{Type: "ORDER_PAID", MemoryID: id}); err != nil {
			return err
		}
	}
	return nil
}

// attempted waits until so many deliveries are over.
func attempted(ctx context.Context, manager *webhook.Manager, want int) error {
	return until(ctx, func() (bool, error) {
		deliveries, err := manager.RecentDeliveries(ctx, want)
		over := 0
		for _, d := range deliveries {
			if d.Status != alma.StatusPending {
				over++
			}
		}
		return over == want, err
	})
}

// follow waits until a replay has ended and prints what became of it.
func follow(ctx context.Context, out io.Writer, manager *webhook.Manager, id string) error {
	return until(ctx, func() (bool, error) {
		r, err := manager.ReplayStatus(ctx, id)
		if err != nil || !r.State.Finished() {
			return false, err
		}
		fmt.Fprintf(out, "Replay %s: %d of %d events looked at, %d delivered, %d failed\n", r.State, r.Looked, r.Total, r.Delivered, r.Failed)
		return true, nil
	})
}

// until asks again and again, ten seconds at most.
func until(ctx context.Context, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
