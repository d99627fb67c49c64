package webhook_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// crowd is a store that says it holds very many webhooks more, with settings as
// users write them, which share the watermark.
type crowd struct {
	*sqlite.Store
	n int
}

func (s *crowd) Webhooks(context.Context) ([]alma.Webhook, error) {
	list := make([]alma.Webhook, s.n)
	now := time.Now()
	for i := range list {
		list[i] = alma.Webhook{
			ID: fmt.Sprintf("wh_%016d", i), State: alma.StateActive, Version: 1, CreatedAt: now, UpdatedAt: now, SecretSetAt: now,
			Config: alma.WebhookConfig{
				URL: fmt.Sprintf("http://hooks.example.com/tenants/%d/events", i), Secret: fmt.Sprintf("whsec_%032d", i),
				Events: []alma.EventType{alma.Created, alma.Updated}, ProjectFilter: []string{fmt.Sprintf("tenant-%d", i)},
				Headers: map[string]string{"Authorization": fmt.Sprintf("Bearer %032d", i)},
			},
		}
		if i%2 == 1 { // The other half is for one agent each.
			c := &list[i].Config
			c.ProjectFilter, c.AgentFilter = nil, []string{fmt.Sprintf("agent-%d", i)}
		}
	}
	return list, nil
}

// memory returns the bytes that are in use, and how many pieces of memory were
// ever asked for.
func memory() (inUse, pieces uint64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.Mallocs
}

// Not parallel: it measures the whole process.
func TestIdleWebhooksCostNextToNothing(t *testing.T) { //nolint:paralleltest // As above.
	const n, most = 100_000, 200 << 20
	db, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	listener := almatest.NewRecorder(t)
	logger := slog.New(slog.DiscardHandler)
	before, _ := memory()
	routines := runtime.NumGoroutine()
	m, err := webhook.New(webhook.Config{
		Storage: &crowd{db, n}, Emitter: events.New(events.Config{Logger: logger}), Logger: logger,
		Dial: almatest.NewPipeListener(t, listener).Dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	idle, pieces := memory()
	if idle-before > most {
		t.Errorf("%d idle webhooks take %d MiB; want %d at most", n, (idle-before)>>20, most>>20)
	}
	if more := runtime.NumGoroutine() - routines; more > 20 {
		t.Errorf("%d goroutines for idle webhooks; want none for each of them", more)
	}
	if busy := processorTime(t, time.Second); busy > 100*time.Millisecond {
		t.Errorf("%d idle webhooks took %s of a second's processor time; want nothing worth mentioning", n, busy)
	}
	const events = 200
	for i := range events { // Each is for one of them.
		ev := event(fmt.Sprint("m-", i))
		ev.ProjectID, ev.Agent = fmt.Sprint("tenant-", i*100), "nobody's"
		if i%2 == 1 {
			ev.ProjectID, ev.Agent = "nobody's", fmt.Sprint("agent-", i*100+1)
		}
		if _, err := m.Append(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	listener.Wait(t.Context(), events)
	after, more := memory()
	if each := (more - pieces) / events; each > 5_000 {
		t.Errorf("an event takes %d pieces of memory: those that it is not for seem to be touched", each)
	}
	t.Logf("%d idle webhooks: %d MiB, %d bytes each; after %d events %d KiB more", n, (idle-before)>>20, (idle-before)/n, events, (max(after, idle)-idle)>>10)
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
