package events_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newEmitter returns an emitter that is closed at the end of the test, and
// what it logs.
func newEmitter(t *testing.T) (*events.Emitter, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	e := events.New(events.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("close the emitter: %v", err)
		}
	})
	return e, log
}

func newEvent(id string, typ alma.EventType) *alma.Event {
	return &alma.Event{ID: id, Type: typ, MemoryID: "m1", MemoryType: alma.TypeHeuristic, Timestamp: time.Unix(1, 0).UTC()}
}

func emit(t *testing.T, e *events.Emitter, evs ...*alma.Event) {
	t.Helper()
	for _, ev := range evs {
		if err := e.Emit(t.Context(), ev); err != nil {
			t.Fatalf("emit %s: %v", ev.ID, err)
		}
	}
}

// recorder notes which callbacks ran for which events.
type recorder struct {
	mu   sync.Mutex
	list []string
}

func (r *recorder) as(name string) events.Callback {
	return func(_ context.Context, ev *alma.Event) error {
		r.note(name + ":" + ev.ID)
		return nil
	}
}

func (r *recorder) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.list...)
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
