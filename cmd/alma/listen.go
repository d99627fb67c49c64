package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
)

type listenCmd struct {
	Address string `help:"Listen on this address." default:"127.0.0.1" placeholder:"IP"`
	Port    int    `help:"Listen on this port; 0 for a free one." default:"8080"`
	Secret  string `help:"Verify signatures with this secret; without one nothing is verified." env:"ALMA_SECRET"`
	Format  string `help:"The wire format." default:"alma"`
	Fail    string `help:"Answer the first N deliveries with a status, as 500:3." placeholder:"STATUS:N"`
	JSON    bool   `help:"Print the body as it came, a line each."`
}

// Help says more than the list of flags.
func (*listenCmd) Help() string {
	return `Example, in two terminals:

  alma listen --secret s3cret-of-mine
  alma webhook add http://127.0.0.1:8080/ --secret s3cret-of-mine

The server must be allowed to reach this machine: alma serve --allow-cidr 127.0.0.0/8`
}

// Run listens until it is interrupted.
func (c *listenCmd) Run(ctx context.Context, s *settings, io stdio) error {
	handler, err := c.handler(io, newLogger(io.err, s.LogLevel))
	if err != nil {
		return err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(c.Address, strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("cannot listen: %w; choose another port with --port", errors.Unwrap(err))
	}
	fmt.Fprintf(io.out, "Listening on http://%s/ %s\n", socket.Addr(), c.verifies())
	return serveUntil(ctx, socket, handler)
}

func (c *listenCmd) verifies() string {
	if c.Secret == "" {
		return "(signatures are not verified: no --secret)"
	}
	return "and verifying signatures"
}

// serveUntil serves until ctx ends, and lets requests finish then.
func serveUntil(ctx context.Context, socket net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(socket) }()
	select {
	case err := <-failed:
		return fmt.Errorf("the listener ended: %w", err)
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		server.Shutdown(stop) //nolint:errcheck,contextcheck // What does not finish in time is cut off.
		return nil
	}
}

// handler verifies, prints, and fails on demand.
func (c *listenCmd) handler(io stdio, logger *slog.Logger) (http.Handler, error) {
	failures, err := parseFail(c.Fail)
	if err != nil {
		return nil, err
	}
	p := &printer{io: io, json: c.JSON, verified: c.Secret != ""}
	cfg := receive.Config{Format: alma.Format(c.Format), Unsigned: c.Secret == "", Handle: p.event, Logger: logger}
	if c.Secret != "" {
		cfg.Secrets = []string{c.Secret}
	}
	h, err := receive.New(cfg)
	if err != nil {
		return nil, err //nolint:wrapcheck // It names every fault.
	}
	return &failing{next: p.request(h), left: failures.count, status: failures.status, out: io.out}, nil
}

// printer prints deliveries.
type printer struct {
	io       stdio
	json     bool
	verified bool
	mu       sync.Mutex
}

// request prints the attempt before its events are handled.
func (p *printer) request(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, receive.DefaultMaxBody+1))
		if err != nil {
			http.Error(w, "the body broke off", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen := &statusRecorder{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		p.line(r, body, seen.status)
	})
}

func (p *printer) line(r *http.Request, body []byte, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		fmt.Fprintln(p.io.out, string(body))
		return
	}
	word := style(p.io.out, green, "taken")
	if status >= 300 {
		word = style(p.io.out, red, "refused")
	} else if p.verified {
		word = style(p.io.out, green, "verified")
	}
	fmt.Fprintf(p.io.out, "%s %s %d  attempt %s of %s, %d bytes\n", time.Now().Format("15:04:05.000"), word, status,
		orDash(r.Header.Get("X-Alma-Attempt")), orDash(r.Header.Get("X-Alma-Delivery")), len(body))
}

// event prints one event of a verified delivery.
func (p *printer) event(_ context.Context, e alma.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		return nil
	}
	fmt.Fprintf(p.io.out, "%s  %s %s  agent %s, project %s\n", style(p.io.out, bold, string(e.Type)), orDash(string(e.MemoryType)), e.MemoryID, orDash(e.Agent), orDash(e.ProjectID))
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, e.Data, "  ", "  "); err == nil && len(e.Data) > 2 {
		fmt.Fprintln(p.io.out, style(p.io.out, faint, "  "+pretty.String()))
	}
	return nil
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (s *statusRecorder) WriteHeader(code int) {
	s.status = code
	s.ResponseWriter.WriteHeader(code)
}

type failures struct{ status, count int }

func parseFail(text string) (failures, error) {
	if text == "" {
		return failures{}, nil
	}
	status, count, _ := strings.Cut(text, ":")
	f := failures{count: 1}
	var err error
	if f.status, err = strconv.Atoi(status); err == nil && count != "" {
		f.count, err = strconv.Atoi(count)
	}
	if err != nil || f.status < 200 || f.status > 599 || f.count < 1 {
		return f, usagef("--fail %q: want a status and how often, as 500:3", text)
	}
	return f, nil
}

// failing answers the first deliveries with a status.
type failing struct {
	next   http.Handler
	out    io.Writer
	status int

	mu   sync.Mutex
	left int
}

// ServeHTTP implements [http.Handler].
func (f *failing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	fail := f.left > 0
	if fail {
		f.left--
		fmt.Fprintf(f.out, "%s %s %d, as --fail says; attempt %s of %s\n", time.Now().Format("15:04:05.000"),
			style(f.out, red, "failed"), f.status, orDash(r.Header.Get("X-Alma-Attempt")), orDash(r.Header.Get("X-Alma-Delivery")))
	}
	f.mu.Unlock()
	if fail {
		w.WriteHeader(f.status)
		return
	}
	f.next.ServeHTTP(w, r)
}
