// Command verifylistener is a listener that verifies deliveries before it
// believes them, written in three ways: with package receive, with package
// wire, and with nothing but the standard library.
//
// It answers "Webhook Payload" and "Signature Verification" of the guide. The
// program serves all three ways, lets a webhook deliver to each, and then
// sends itself a forgery.
//
//	go run ./examples/verifylistener
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
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

const secret = "your-secret-key"

func run(ctx context.Context, out io.Writer) error {
	arrived := make(chan string, len(ways))
	mux, err := newMux(secret, func(way string, ev *alma.Event) { arrived <- fmt.Sprint(way, " took ", ev.MemoryID) })
	if err != nil {
		return err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()

	url := "http://" + socket.Addr().String()
	err = errors.Join(deliver(ctx, out, url, arrived), forge(ctx, out, url), server.Shutdown(ctx))
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// deliver sends one event to each way, and prints what arrives.
func deliver(ctx context.Context, out io.Writer, url string, arrived <-chan string) error {
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
	if err := manager.Start(ctx); err != nil {
		return err
	}
	defer manager.Shutdown(context.WithoutCancel(ctx))

	for i, way := range ways {
		hook := alma.WebhookConfig{URL: url + way, Secret: secret, AgentFilter: []string{way}}
		if _, err := manager.Add(ctx, hook); err != nil {
			return err
		}
		ev := alma.Event{Type: alma.Created, MemoryID: fmt.Sprint("memory-", i+1), Agent: way}
		if _, err := manager.Append(ctx, ev); err != nil {
			return err
		}
		select {
		case line := <-arrived:
			fmt.Fprintln(out, line)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// forge posts a body with a signature that somebody made up.
func forge(ctx context.Context, out io.Writer, url string) error {
	for _, way := range ways {
		body := []byte(`{"event_type":"DELETED","memory_id":"everything","data":{}}`)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+way, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("X-ALMA-Signature", "sha256=0000000000000000000000000000000000000000000000000000000000000000")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		fmt.Fprintln(out, way, "answers a forgery with", resp.Status)
	}
	return nil
}
