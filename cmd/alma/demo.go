package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/receive"
)

type demoCmd struct {
	Dir    string `help:"Where the demo keeps its database." default:"alma-demo" placeholder:"DIR"`
	Listen string `help:"Serve on this address; on a free port when it is taken." default:"127.0.0.1:2562" env:"ALMA_LISTEN" placeholder:"HOST:PORT"`
	Once   bool   `help:"End after the memories have changed and every delivery has arrived."`
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
		return err
	}
	defer d.stop(ctx)
	if err := d.play(ctx); err != nil {
		return err
	}
	if c.Once {
		return nil
	}
	d.explain()
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
	var err error
	d.node, err = startNode(ctx, nodeConfig{
		db: filepath.Join(c.Dir, "alma.db"), listen: freeAddress(ctx, c.Listen), logger: d.logger, stopGrace: 30 * time.Second,
		allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		d.listener.Close() // The other error matters.
		return err
	}
	return d.register(ctx)
}

// freeAddress returns the address, or one with a free port when it is taken.
func freeAddress(ctx context.Context, address string) string {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	socket.Close() // It was only tried.
	return address
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

// register points the demo's webhook at the listener of this run.
func (d *demo) register(ctx context.Context) error {
	const note = "the demo's listener"
	list, err := d.node.manager.List(ctx)
	if err != nil {
		return err //nolint:wrapcheck // It names the operation.
	}
	for _, w := range list {
		if w.Config.Description == note {
			_, err := d.node.manager.Update(ctx, w.ID, 0, func(c *alma.WebhookConfig) error { c.URL = d.url; return nil })
			return err //nolint:wrapcheck // It names the operation.
		}
	}
	_, err = d.node.manager.Add(ctx, alma.WebhookConfig{URL: d.url, Secret: demoSecret, Description: note})
	return err //nolint:wrapcheck // It names the operation.
}

// play changes memories, step by step, and waits for the deliveries of each.
func (d *demo) play(ctx context.Context) error {
	out := d.io.out
	known, err := d.node.memory.List(ctx, alma.MemoryQuery{Agent: "demo", ProjectID: "demo", Cursor: alma.Cursor{Limit: alma.MaxPageSize}})
	if err != nil {
		return err //nolint:wrapcheck // It names the operation.
	}
	if n := len(known.Items); n > 0 {
		fmt.Fprintf(out, "Found %d memories of an earlier demo.\n", n)
	}
	for _, step := range []struct {
		title string
		run   func(context.Context, io.Writer) (events int, err error)
	}{
		{"Saving three memories", d.save},
		{"Updating one", d.update},
		{"Searching for \"form validation\"", d.retrieve},
		{"Merging the two that say the same", d.consolidate},
		{"Deleting the preference", d.remove},
	} {
		fmt.Fprintln(out, style(out, bold, step.title))
		n, err := step.run(ctx, out)
		if err != nil {
			return err
		}
		if err := d.await(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// await waits until n more deliveries have arrived.
func (d *demo) await(ctx context.Context, n int) error {
	d.expected += n
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	for {
		d.mu.Lock()
		done := d.arrived >= d.expected
		d.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-d.counts:
		case <-timeout.C:
			return errors.New("the delivery did not arrive within 10 s; look at the log above")
		case <-ctx.Done():
			return nil
		}
	}
}

const demoHeuristic = "demo-validate-forms"

func (d *demo) save(ctx context.Context, _ io.Writer) (int, error) {
	saved, err := d.node.memory.SaveBatch(ctx,
		alma.Heuristic{ID: demoHeuristic, Agent: "demo", ProjectID: "demo", Condition: "a form with many fields", Strategy: "Validate the form step by step", Confidence: 0.7, OccurrenceCount: 3},
		alma.Heuristic{Agent: "demo", ProjectID: "demo", Condition: "a long form", Strategy: "validate the form step by step", Confidence: 0.9, OccurrenceCount: 2},
		alma.Preference{ID: "demo-tone", Agent: "demo", ProjectID: "demo", Category: "tone", Preference: "Short answers", Confidence: 1},
	)
	return len(saved), err
}

func (d *demo) update(ctx context.Context, _ io.Writer) (int, error) {
	_, err := d.node.memory.Update(ctx, demoHeuristic, 0, []byte(`{"confidence":0.8,"success_count":2}`))
	return 1, err //nolint:wrapcheck // It names the operation.
}

func (d *demo) retrieve(ctx context.Context, out io.Writer) (int, error) {
	found, err := d.node.memory.Retrieve(ctx, memory.Query{Text: "form validation", Agent: "demo", ProjectID: "demo", Limit: 3})
	if err != nil {
		return 0, err //nolint:wrapcheck // It names the operation.
	}
	for _, m := range found.Memories {
		fmt.Fprintf(out, "    %.2f  %s\n", m.Score, mainText(&m.Memory))
	}
	return 1, nil
}

func (d *demo) consolidate(ctx context.Context, _ io.Writer) (int, error) {
	report, err := d.node.memory.Consolidate(ctx, memory.Request{Agent: "demo", ProjectID: "demo", Type: alma.TypeHeuristic})
	return len(report.Groups), err //nolint:wrapcheck // It names the operation.
}

func (d *demo) remove(ctx context.Context, _ io.Writer) (int, error) {
	return 1, d.node.memory.Delete(ctx, "demo-tone")
}

// explain says what to do next.
func (d *demo) explain() {
	key, err := os.ReadFile(d.node.keyFile())
	if err != nil {
		key = []byte("$ALMA_API_KEY")
	}
	fmt.Fprintf(d.io.out, `
%s

The server goes on at %s, with its data in %s.
Send the next event from another terminal, and see it arrive here:

  curl -X POST %s/v1/events \
    -H "Authorization: Bearer %s" \
    -H "Content-Type: application/json" \
    -d '{"event_type":"CREATED","memory_id":"my-first","memory_type":"heuristic","agent":"me","project_id":"demo","data":{"strategy":"hello"}}'

See what happened to it:

  curl -H "Authorization: Bearer %s" "%s/v1/deliveries?limit=3"

Ctrl-C ends the demo; the next start finds its data again.
`, style(d.io.out, bold, "That was it: every change was committed with its event, signed, delivered and verified."),
		d.node.http.URL(), d.node.cfg.db, d.node.http.URL(), trimmed(key), trimmed(key), d.node.http.URL())
}

func trimmed(b []byte) string {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return string(b)
}
