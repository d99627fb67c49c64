package webhook_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testSecret = "s3cret-of-the-listener"

// engine is a manager over an in-memory store and a recorded listener.
type engine struct {
	*webhook.Manager
	t        *testing.T
	store    *sqlite.Store
	emitter  *events.Emitter
	listener *almatest.Recorder
	url      string
	logs     *logBuffer
	cfg      webhook.Config
	bubble   bool
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p) //nolint:wrapcheck // Never fails.
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// inBubble runs a test with a manager whose listener is reached over pipes, so
// that hours pass in no time.
func inBubble(t *testing.T, f func(t *testing.T, e *engine)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t, almatest.WithSecret(testSecret))
		pipe := almatest.NewPipeListener(t, recorder)
		e := newEngine(t, webhook.Config{Dial: pipe.Dial})
		e.listener, e.url, e.bubble = recorder, "http://listener.example/hook", true
		f(t, e)
	})
}

// onLoopback runs a test with a listener on a real socket.
func onLoopback(t *testing.T, f func(t *testing.T, e *engine)) {
	t.Helper()
	t.Parallel()
	listener := almatest.NewListener(t, almatest.WithSecret(testSecret))
	e := newEngine(t, webhook.Config{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	e.listener, e.url = listener.Recorder, listener.URL()
	f(t, e)
}

func newEngine(t *testing.T, cfg webhook.Config) *engine {
	t.Helper()
	store, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logs := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(logs, nil))
	e := &engine{t: t, store: store, logs: logs, emitter: events.New(events.Config{Logger: logger})}
	cfg.Storage, cfg.Logger, cfg.Emitter = store, logger, e.emitter
	e.cfg = cfg
	t.Cleanup(func() {
		e.stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(logs.String(), testSecret) {
			t.Errorf("the log holds the secret:\n%s", logs)
		}
	})
	e.start()
	return e
}

func (e *engine) start() {
	e.t.Helper()
	m, err := webhook.New(e.cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := m.Start(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	e.Manager = m
}

func (e *engine) stop() {
	e.t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		e.t.Error(err)
	}
}

// restart stops the manager and starts another on the same store.
func (e *engine) restart() { e.stop(); e.start() }

// add registers a webhook that goes to the listener.
func (e *engine) add(cfg alma.WebhookConfig) alma.Webhook {
	e.t.Helper()
	if cfg.URL == "" {
		cfg.URL = e.url
	}
	if cfg.Secret == "" && !cfg.Unsigned {
		cfg.Secret = testSecret
	}
	w, err := e.Add(e.t.Context(), cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	return w
}

// append appends one event for each memory id.
func (e *engine) append(ids ...string) []alma.Appended {
	e.t.Helper()
	list := make([]alma.Event, len(ids))
	for i, id := range ids {
		list[i] = event(id)
	}
	appended, err := e.Append(e.t.Context(), list...)
	if err != nil {
		e.t.Fatal(err)
	}
	return appended
}

func event(memoryID string) alma.Event {
	return alma.Event{
		Type: alma.Created, MemoryID: memoryID, MemoryType: alma.TypeHeuristic, Agent: "qa", ProjectID: "shop",
		Data: []byte(`{"strategy":"retry once","confidence":0.85}`),
	}
}

// got lists the memory ids that reached the listener, in order of arrival.
func (e *engine) got() []string {
	ids := []string{}
	for _, r := range e.listener.Requests() {
		for _, ev := range r.Events {
			ids = append(ids, ev.MemoryID)
		}
	}
	return ids
}

// only returns the one delivery there is.
func (e *engine) only() alma.Delivery {
	e.t.Helper()
	if e.bubble {
		pass(settling)
	}
	list, err := e.RecentDeliveries(e.t.Context(), 10)
	if err != nil || len(list) != 1 {
		e.t.Fatalf("deliveries %+v, %v; want one", list, err)
	}
	d, err := e.Delivery(e.t.Context(), list[0].ID)
	if err != nil {
		e.t.Fatal(err)
	}
	return d
}

// settling is longer than outcomes wait for company before they are stored.
const settling = 5 * time.Millisecond

// pass lets time pass inside a bubble, and what becomes due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// settled waits, outside of bubbles, until a delivery has a status.
func (e *engine) settled(want alma.DeliveryStatus) alma.Delivery {
	e.t.Helper()
	deadline := time.Now().Add(almatest.Patience)
	for {
		list, err := e.RecentDeliveries(e.t.Context(), 10)
		if err != nil {
			e.t.Fatal(err)
		}
		if len(list) == 1 && list[0].Status == want {
			return e.only()
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("deliveries %+v; want one that is %s", list, want)
		}
		<-time.After(5 * time.Millisecond)
	}
}
