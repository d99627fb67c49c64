package main

import (
	"context"
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

	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

type listenCmd struct {
	Address string   `help:"Listen on this address." default:"127.0.0.1"`
	Port    uint16   `help:"Listen on this port; 0 for a free one." default:"8080"`
	Secret  []string `help:"Verify signatures with this secret, or public key (whpk_…); several during a rotation. Without one nothing is verified." env:"ALMA_SECRET" sep:"none" placeholder:"SECRET"`
	Format  string   `help:"The wire format: alma, exlibris, standard or cloudevents." default:"alma"`
	Fail    string   `help:"Answer the first N deliveries with a status, as 500:3." placeholder:"STATUS:N"`
	JSON    bool     `help:"Print only the bodies that were taken, as they came, a line each; repeats are left out."`
}

// Help says more than the list of flags.
func (*listenCmd) Help() string {
	return `Example, in two terminals:

  alma listen --secret s3cret-of-mine
  alma webhook add http://127.0.0.1:8080/ --secret s3cret-of-mine

The server must be allowed to reach this machine: alma serve --allow-cidr 127.0.0.0/8

Challenges (formats exlibris and alma) and requests for consent (cloudevents)
are answered as the formats want.`
}

// Run listens until it is interrupted.
func (c *listenCmd) Run(ctx context.Context, s *settings, io stdio) error {
	handler, err := c.handler(io, newLogger(io.err, s.LogLevel))
	if err != nil {
		return err
	}
	address := net.JoinHostPort(c.Address, strconv.Itoa(int(c.Port)))
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another with --port and --address", address, errors.Unwrap(err))
	}
	fmt.Fprintf(c.talk(io), "Listening on http://%s/ %s\n", socket.Addr(), c.verifies())
	return serveUntil(ctx, socket, handler)
}

func (c *listenCmd) verifies() string {
	if len(c.Secret) == 0 {
		return "(signatures are not verified: no --secret)"
	}
	return "and verifying signatures"
}

// talk is where what is meant for people goes: with --json, out of the way.
func (c *listenCmd) talk(io stdio) io.Writer {
	if c.JSON {
		return io.err
	}
	return io.out
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

// handler answers handshakes, verifies, prints, and fails on demand.
func (c *listenCmd) handler(io stdio, logger *slog.Logger) (http.Handler, error) {
	failures, err := parseFail(c.Fail)
	if err != nil {
		return nil, err
	}
	for i := range c.Secret {
		if err := checkSecret(&c.Secret[i]); err != nil {
			return nil, err
		}
	}
	format, err := lookupFormat(c.Format)
	if err != nil {
		return nil, err
	}
	p := &printer{io: io, json: c.JSON, verified: len(c.Secret) > 0}
	h, err := receive.New(receive.Config{
		Format: format.Name(), Secrets: c.Secret, Unsigned: len(c.Secret) == 0, HandleBatch: p.take, Logger: logger,
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // It names every fault.
	}
	fails := &failing{next: p.request(h), left: failures.count, status: failures.status, out: c.talk(io)}
	return greeting(format, c.talk(io), &attempts{next: fails, out: c.talk(io)}), nil
}

// greeting answers the questions of senders, which --fail does not count, and
// says so.
func greeting(format wire.Format, out io.Writer, next http.Handler) http.Handler {
	asks, ok := format.(wire.Handshaker)
	if !ok {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asks.Answer(w, r) {
			next.ServeHTTP(w, r)
			return
		}
		what := "a challenge"
		if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" {
			what = "a request for consent from " + visible(origin)
		}
		fmt.Fprintf(out, "%s %s %s (%s)\n", time.Now().Format("15:04:05.000"), style(out, green, "answered"), what, r.Method)
	})
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
		fmt.Fprintf(f.out, "%s %s %d, as --fail says; %s\n", time.Now().Format("15:04:05.000"), style(f.out, red, "failed"), f.status, named(r))
	}
	f.mu.Unlock()
	if fail {
		w.WriteHeader(f.status)
		return
	}
	f.next.ServeHTTP(w, r)
}
