// Command testwebhooks is a program that delivers webhooks, and is here for
// its tests: they show how to test deliveries without a network that fails,
// and retries without waiting for them.
//
// It answers "Mocking Webhooks" of the guide; see main_test.go. Nothing is
// mocked there: a real listener records what really arrives.
//
//	go run ./examples/testwebhooks
//	go test ./examples/testwebhooks
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

const secret = "your-secret-key"

// service is a program that tells of its tasks by a webhook.
type service struct {
	store   *sqlite.Store
	manager *webhook.Manager
}

// newService starts a service. cfg says how deliveries reach the listener: a
// test allows the loopback network there, or dials through pipes.
func newService(ctx context.Context, cfg webhook.Config, url string) (*service, error) {
	store, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Storage, cfg.Emitter = store, events.New(events.Config{})
	manager, err := webhook.New(cfg)
	if err != nil {
		return nil, err
	}
	s := &service{store, manager}
	if err := manager.Start(ctx); err != nil {
		return s, err
	}
	_, err = manager.Add(ctx, alma.WebhookConfig{URL: url, Secret: secret, Events: []alma.EventType{"TASK_DONE"}})
	return s, err
}

// done tells of a task that is done.
func (s *service) done(ctx context.Context, task string) error {
	_, err := s.manager.Append(ctx, alma.Event{Type: "TASK_DONE", MemoryID: task, MemoryType: "task"})
	return err
}

func (s *service) close(ctx context.Context) error {
	if err := s.manager.Shutdown(ctx); err != nil {
		return err
	}
	return s.store.Close()
}

func run(ctx context.Context, out io.Writer) error {
	arrived := make(chan string)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.Header.Get("X-ALMA-Event-Type")
	}))
	defer listener.Close()
	loopback := webhook.Config{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	s, err := newService(ctx, loopback, listener.URL)
	if err != nil {
		return err
	}
	defer s.close(context.WithoutCancel(ctx))
	if err := s.done(ctx, "sign-up"); err != nil {
		return err
	}
	select {
	case eventType := <-arrived:
		fmt.Fprintln(out, "delivered:", eventType)
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
