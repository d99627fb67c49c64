package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/webhook"
)

type demoCmd struct {
	Dir    string   `help:"Where the demo keeps its database." default:"alma-demo"`
	Listen hostPort `help:"Serve on this address; on a free port when it is taken." default:"127.0.0.1:2562" env:"ALMA_LISTEN"`
	Once   bool     `help:"End after the memories have changed and every delivery has arrived."`
}

const demoSecret = "demo-secret-for-this-machine-only"

// Run shows the system at work and goes on serving.
func (c *demoCmd) Run(ctx context.Context, s *settings, io stdio) error {
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return fmt.Errorf("cannot make the demo's folder: %w", err)
	}
	level := s.LogLevel
	if level == "info" {
		level = "warn" // The demo speaks for itself.
	}
	d := &demo{io: io, logger: newLogger(io.err, level), counts: make(chan struct{}, 1)}
	if err := d.start(ctx, c); err != nil {
		return unlessStopped(ctx, err)
	}
	defer d.stop(ctx)
	if err := d.play(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	if c.Once {
		return nil
	}
	if ctx.Err() == nil {
		d.explain()
	}
	<-ctx.Done()
	fmt.Fprintln(io.out, "\nStopping; what is in flight is finished first.")
	return nil
}

// demo is a node and a listener in one process.
type demo struct {
	io       stdio
	logger   *slog.Logger
	node     *node
	listener *http.Server
	url      string // Of the listener.

	mu       sync.Mutex
	arrived  int
	expected int
	counts   chan struct{} // Signalled when a delivery arrives.
}

func (d *demo) start(ctx context.Context, c *demoCmd) error {
	if err := d.listen(ctx); err != nil {
		return err
	}
	cfg := nodeConfig{
		db: filepath.Join(c.Dir, "alma.db"), listen: string(c.Listen), logger: d.logger, stopGrace: 30 * time.Second,
		allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	var err error
	d.node, err = startNode(ctx, cfg)
	var taken *inUseError
	if errors.As(err, &taken) {
		fmt.Fprintf(d.io.out, "%s is in use; the demo serves on a free port instead.\n", cfg.listen)
		cfg.listen = "127.0.0.1:0"
		d.node, err = startNode(ctx, cfg)
	}
	if err != nil {
		d.listener.Close() // The other error matters.
		if errors.Is(err, alma.ErrConflict) {
			return fmt.Errorf("another demo is running with its data in %s; end it, or give this one another folder with --dir", c.Dir)
		}
		return err
	}
	if err := d.register(ctx); err != nil {
		d.stop(ctx)
		return err
	}
	return nil
}

func (d *demo) stop(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if err := d.node.stop(ctx); err != nil {
		d.logger.Error("the demo did not stop cleanly", "error", err)
	}
	d.listener.Shutdown(ctx) //nolint:errcheck // Nothing delivers any more.
}

// listen starts a listener as a user would write one.
func (d *demo) listen(ctx context.Context) error {
	handler, err := receive.New(receive.Config{Secrets: []string{demoSecret}, Handle: d.delivered, Logger: d.logger})
	if err != nil {
		return err //nolint:wrapcheck // It names the setting.
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	d.url = fmt.Sprintf("http://%s/hook", socket.Addr())
	d.listener = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go d.listener.Serve(socket) //nolint:errcheck // It ends with Shutdown.
	return nil
}

// delivered prints a delivery whose signature was verified.
func (d *demo) delivered(_ context.Context, e alma.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.io.out
	fmt.Fprintf(out, "  %s %-12s %-10s %s %s\n", style(out, green, "✓ verified"), e.Type, e.MemoryType, e.MemoryID,
		style(out, faint, shorten(string(e.Data), 96)))
	d.arrived++
	select {
	case d.counts <- struct{}{}:
	default:
	}
	return nil
}

// register points the demo's webhook at the listener of this run, and wakes it
// in case somebody tried pausing.
func (d *demo) register(ctx context.Context) error {
	const note = "the demo's listener"
	list, err := d.node.manager.List(ctx)
	if err != nil {
		return err //nolint:wrapcheck // It names the operation.
	}
	for _, w := range list {
		if w.Config.Description == note {
			_, err := d.node.manager.Update(ctx, w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error { c.URL = d.url; return nil })
			if err == nil && w.State != alma.StateActive {
				_, err = d.node.manager.Resume(ctx, w.ID)
			}
			return err //nolint:wrapcheck // It names the operation.
		}
	}
	_, err = d.node.manager.Add(ctx, alma.WebhookConfig{URL: d.url, Secret: demoSecret, Description: note})
	return err //nolint:wrapcheck // It names the operation.
}

// explain says what to do next.
func (d *demo) explain() {
	key, err := os.ReadFile(d.node.keyFile())
	dashboard := d.node.http.URL()
	if err != nil {
		key = []byte("$ALMA_API_KEY")
	} else {
		dashboard = d.node.signInLink(string(bytes.TrimSpace(key)))
	}
	fmt.Fprintf(d.io.out, `
%[1]s

The server goes on at %[2]s, with its data in %[3]s.
Look at all of it in the dashboard (the link signs in once, within 10 minutes):

  %[5]s

Send the next event from another terminal, and see it arrive here:

  curl -X POST %[2]s/v1/events \
    -H "Authorization: Bearer %[4]s" \
    -H "Content-Type: application/json" \
    -d '{"event_type":"CREATED","memory_id":"my-first","memory_type":"heuristic","agent":"me","project_id":"demo","data":{"strategy":"hello"}}'

See what happened to it:

  curl -H "Authorization: Bearer %[4]s" "%[2]s/v1/deliveries?limit=3"

Or use the commands, such as:

  alma delivery list --server %[2]s --db %[3]s

Ctrl-C ends the demo; the next start finds its data again.
`, style(d.io.out, bold, "That was it: every change was committed with its event, signed, delivered and verified."),
		d.node.http.URL(), d.node.cfg.db, bytes.TrimSpace(key), dashboard)
}
