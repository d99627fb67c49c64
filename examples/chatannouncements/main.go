// Command chatannouncements tells a chat what happens to webhooks.
//
// One webhook's listener has gone for good and answers 410. A second webhook
// gets the operational events, and its listener, a relay, verifies them and
// posts a line of text to a chat for each. The chat is one that takes
// {"text": …}, as most do for incoming messages.
//
//	go run ./examples/chatannouncements
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

const secret = "shared-with-the-relay"

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	said := make(chan string, 8)
	chat := httptest.NewServer(chatRoom(said))
	defer chat.Close()
	handler, err := receive.New(receive.Config{
		Secrets: []string{secret},
		Handle:  func(ctx context.Context, ev alma.Event) error { return post(ctx, chat.URL, line(&ev)) },
	})
	if err != nil {
		return err
	}
	relay := httptest.NewServer(handler)
	defer relay.Close()
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	defer gone.Close()

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	manager, err := webhook.New(webhook.Config{
		Storage: db, Emitter: events.New(events.Config{}), AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		return err
	}
	if err := manager.Start(ctx); err != nil {
		return err
	}
	defer manager.Shutdown(context.WithoutCancel(ctx))
	for _, cfg := range []alma.WebhookConfig{
		{URL: gone.URL},
		{URL: relay.URL, Secret: secret, Events: []alma.EventType{webhook.WebhookDisabled, webhook.DeliveryFailed}},
	} {
		if _, err := manager.Add(ctx, cfg); err != nil {
			return err
		}
	}
	if _, err := manager.Append(ctx, alma.Event{Type: alma.Created, MemoryID: "m-1", MemoryType: alma.TypeHeuristic}); err != nil {
		return err
	}
	for range 2 {
		select {
		case text := <-said:
			fmt.Fprintln(out, "the chat says:", text)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// line says in a line of text what an operational event tells.
func line(ev *alma.Event) string {
	var data struct {
		Reason string `json:"reason"`
		Count  int    `json:"count"`
	}
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		return string(ev.Type)
	}
	switch ev.Type {
	case webhook.WebhookDisabled:
		return "a webhook was disabled: " + data.Reason
	case webhook.DeliveryFailed:
		return fmt.Sprintf("deliveries failed for good: %d, the last by %s", data.Count, data.Reason)
	default:
		return string(ev.Type)
	}
}

// post writes a line into the chat. An error makes Alma send the event again.
func post(ctx context.Context, url, text string) error {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the chat answered %s", resp.Status)
	}
	return nil
}

// chatRoom stands for a chat.
func chatRoom(said chan<- string) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Text string `json:"text"`
		}
		if json.NewDecoder(r.Body).Decode(&message) == nil {
			said <- message.Text
		}
	})
}
