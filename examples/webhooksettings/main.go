// Command webhooksettings registers a webhook with every setting of the guide,
// and shows what reaches the listener.
//
// It answers "Basic Configuration" and "WebhookConfig Options" of the guide.
//
//	go run ./examples/webhooksettings
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

// settings returns the guide's WebhookConfig. Only URL is required; the
// comments say what the others default to.
func settings(url string) alma.WebhookConfig {
	return alma.WebhookConfig{
		URL:    url,
		Events: []alma.EventType{alma.Created}, // All of them.

		// Authentication.
		Secret:  "hmac-secret",                                      // One is generated.
		Headers: map[string]string{"Authorization": "Bearer token"}, // None.

		// Retries: 5 s after the first attempt, then 10 s, then 20 s.
		RetryCount:   new(3),               // 3.
		RetryDelay:   new(5 * time.Second), // 5 s.
		RetryBackoff: new(2.0),             // 2.

		// Filtering.
		AgentFilter:   []string{"agent1"}, // All agents.
		ProjectFilter: []string{"proj1"},  // All projects.

		// Delivery.
		Timeout:    30 * time.Second, // 30 s.
		BatchSize:  10,               // 1: one object a request. Over 1 the body is an array.
		BatchDelay: new(time.Second), // 1 s.
	}
}

func run(ctx context.Context, out io.Writer) error {
	arrived := make(chan struct{})
	listener := httptest.NewServer(listen(out, arrived)) // Another service, in life.
	defer listener.Close()

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	manager, err := webhook.New(webhook.Config{
		Storage: db,
		Emitter: events.New(events.Config{}),
		// Deliveries go to public addresses by https. What else is meant to be
		// reached must be allowed: here this machine.
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		return err
	}
	hook, err := manager.Add(ctx, settings(listener.URL+"/webhook"))
	if err != nil {
		return err
	}
	if err := manager.Start(ctx); err != nil {
		return err
	}
	defer manager.Shutdown(context.WithoutCancel(ctx))

	if _, err := manager.Append(ctx, sampleEvents()...); err != nil {
		return err
	}
	select {
	case <-arrived:
	case <-ctx.Done():
		return ctx.Err()
	}
	return show(ctx, out, manager, hook.ID)
}

// sampleEvents are ten that the webhook wants, and three that it does not.
func sampleEvents() []alma.Event {
	list := []alma.Event{
		{Type: alma.Deleted, MemoryID: "other type", Agent: "agent1", ProjectID: "proj1"},
		{Type: alma.Created, MemoryID: "other agent", Agent: "agent2", ProjectID: "proj1"},
		{Type: alma.Created, MemoryID: "other project", Agent: "agent1", ProjectID: "proj2"},
	}
	for i := range 10 {
		list = append(list, alma.Event{Type: alma.Created, MemoryID: fmt.Sprint("memory-", i+1), Agent: "agent1", ProjectID: "proj1"})
	}
	return list
}

// listen prints the one request that arrives.
func listen(out io.Writer, arrived chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(arrived)
		var list []struct {
			MemoryID string `json:"memory_id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(out, "%s %s with %d events, %s to %s\n", r.Method, r.URL.Path, len(list), list[0].MemoryID, list[len(list)-1].MemoryID)
		fmt.Fprintln(out, "Authorization:", r.Header.Get("Authorization"))
		fmt.Fprintln(out, "X-ALMA-Signature has", len(r.Header.Get("X-ALMA-Signature")), "characters")
	})
}

// show prints the settings as they take effect. Neither the secret nor the
// values of headers are ever among them.
func show(ctx context.Context, out io.Writer, manager *webhook.Manager, id string) error {
	status, err := manager.Get(ctx, id)
	if err != nil {
		return err
	}
	effective, err := json.MarshalIndent(status.Effective.Masked(), "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", status.State, effective)
	return nil
}
