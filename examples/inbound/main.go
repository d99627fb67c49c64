// Command inbound lets Ex Libris Alma's webhooks flow through a server: it runs
// `alma serve` with a source and two listeners behind it, and then plays the
// library platform, with a challenge, a signed call, a repeat and a forgery.
//
//	go run ./examples/inbound
//
// What the listeners get is logged, filtered, retried and can be replayed,
// which a profile of the platform that posts to one listener offers none of.
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
)

// sample is a webhook as the platform sends it: one line, and these bytes.
const sample = `{"id":"6714827365019283746","action":"LOAN","institution":{"value":"01MYLIB","desc":"My library"},` +
	`"time":"2026-01-28T12:00:00.123Z","event":{"value":"LOAN_CREATED","desc":"Loan created"},` +
	`"item_loan":{"loan_id":"23175","user_id":"jo","due_date":"2026-02-28T12:00:00Z"},` +
	`"bib":null,"holding":null,"item":null,"portfolio":null,"representation":null}`

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	server, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer server.stop()

	// Two listeners: one for all loans, one for due dates alone.
	loans, dueDates := newListener(), newListener()
	defer loans.Close()
	defer dueDates.Close()
	for listener, events := range map[*listener][]string{loans: {"LOAN_CREATED", "LOAN_DUE_DATE"}, dueDates: {"LOAN_DUE_DATE"}} {
		settings := map[string]any{"url": listener.URL, "secret": listener.secret, "events": events}
		if err := server.call(ctx, "/v1/webhooks", settings, nil); err != nil {
			return err
		}
	}

	// The source: its secret is the one of the integration profile.
	var source struct{ URL, Secret string }
	if err := server.call(ctx, "/v1/sources", map[string]any{"name": "library", "format": "exlibris"}, &source); err != nil {
		return err
	}
	fmt.Fprintln(out, "the profile's listener is", source.URL)
	if err := playPlatform(ctx, out, server.url+source.URL, source.Secret); err != nil {
		return err
	}
	ev := <-loans.arrived
	fmt.Fprintf(out, "the listener of loans got %s of loan %s in %s\n", ev.Type, ev.MemoryID, ev.ProjectID)
	return nil
}

// playPlatform does what the library platform does: it asks whether the
// listener is one, and then calls it.
func playPlatform(ctx context.Context, out io.Writer, url, secret string) error {
	for _, step := range []struct{ what, method, query, body, secret string }{
		{"the challenge", http.MethodGet, "?challenge=anything", "", ""},
		{"a signed call", http.MethodPost, "", sample, secret},
		{"the same again", http.MethodPost, "", sample, secret},
		{"a forged call", http.MethodPost, "", sample, "guessed"},
	} {
		req, err := http.NewRequestWithContext(ctx, step.method, url+step.query, bytes.NewReader([]byte(step.body)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json;charset=UTF-8")
		req.Header.Set("X-Exl-Signature", sign(step.secret, step.body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s %s", step.what, resp.Status, withoutIDs(answer))
	}
	return nil
}

// sign is the platform's signature: the Base64 of an HMAC-SHA256 over the body.
func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// listener is a listener that verifies what it gets.
type listener struct {
	*httptest.Server
	secret  string
	arrived chan alma.Event
}

func newListener() *listener {
	l := &listener{secret: alma.NewSecret(), arrived: make(chan alma.Event, 10)}
	h, err := receive.New(receive.Config{
		Secrets: []string{l.secret},
		Handle:  func(_ context.Context, ev alma.Event) error { l.arrived <- ev; return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	l.Server = httptest.NewServer(h)
	return l
}
