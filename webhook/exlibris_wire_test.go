package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/exlibris"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

// tap is a listener that keeps the very bytes of deliveries.
type tap struct {
	tls       *tls.Config
	roots     *x509.CertPool
	open      sync.WaitGroup
	delivered chan []byte
}

func newTap(t *testing.T) *tap {
	t.Helper()
	srv := httptest.NewTLSServer(nil) // For its certificate, which is for example.com.
	srv.Close()
	p := &tap{roots: x509.NewCertPool(), delivered: make(chan []byte, 1)}
	p.roots.AddCert(srv.Certificate())
	p.tls = &tls.Config{Certificates: srv.TLS.Certificates, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS13}
	t.Cleanup(p.open.Wait)
	return p
}

func (p *tap) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.open.Go(func() {
		defer server.Close() // Not that of TLS, which would wait for somebody to read its goodbye.
		p.serve(tls.Server(server, p.tls))
	})
	return client, nil
}

// serve takes one request, and answers challenges.
func (p *tap) serve(conn net.Conn) {
	var raw bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
	if err != nil {
		return
	}
	io.Copy(io.Discard, r.Body)
	text := r.URL.Query().Get("challenge")
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
	if r.Method == http.MethodPost {
		p.delivered <- raw.Bytes()
	}
}

// TestExlibrisOnTheWire: the documentation shows what is sent, byte for byte.
func TestExlibrisOnTheWire(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/formats/exlibris.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]alma.WebhookConfig{
		"json":      {},
		"omit_null": {OmitNull: true},
		"xml":       {ContentType: "xml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTap(t)
			e := newEngine(t, webhook.Config{Dial: p.dial, RootCAs: p.roots})
			cfg.URL, cfg.Format, cfg.Secret = "https://example.com/alma-webhooks", alma.FormatExlibris, "itsasecret"
			if w := e.add(cfg); w.State != alma.StateActive {
				t.Fatal(w.State, w.StateReason)
			}
			if _, err := e.Append(t.Context(), exampleLoan(t)); err != nil {
				t.Fatal(err)
			}
			select {
			case raw := <-p.delivered:
				shown := strings.NewReplacer("\r\n", "\n", "alma/"+wire.Version, "alma/<version>").Replace(string(raw))
				if !strings.Contains(string(document), "```http\n"+shown+"\n```") {
					t.Errorf("the documentation does not show this:\n%s", shown)
				}
			case <-time.After(almatest.Patience):
				t.Fatal("nothing was delivered")
			}
		})
	}
}

func exampleLoan(t *testing.T) alma.Event {
	t.Helper()
	e, err := exlibris.New(exlibris.LoanCreated, library, exlibris.Loan{
		LoanID: "6900000000000001", UserID: "jsample", DueDate: "2026-02-11T23:59:00Z", Title: "Bücher & Regale",
		LocationCode: exlibris.Coded{Value: "STACKS", Name: "Stacks"}, Renewable: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.ID, e.Timestamp = "evt_example", time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC)
	return e
}
