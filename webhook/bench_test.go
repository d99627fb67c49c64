package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// The benchmarks of this file belong together: bare is a keep-alive client
// that posts the same bytes to the same sink, and the others are what the
// engine makes of it. Compare their events/s within one run.

// sink counts the requests that reach it.
type sink struct {
	*httptest.Server
	got  atomic.Int64
	want atomic.Int64
	done chan struct{}
}

func newSink(b *testing.B) *sink {
	b.Helper()
	s := &sink{done: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
		if s.got.Add(1) == s.want.Load() {
			s.done <- struct{}{}
		}
	}))
	b.Cleanup(s.Close)
	return s
}

func (s *sink) expect(n int) { s.got.Store(0); s.want.Store(int64(n)) }

const benchWindow = 64

func benchEvent() alma.Event {
	return alma.Event{
		Type: alma.Created, MemoryID: "550e8400-e29b-41d4-a716-446655440000", MemoryType: alma.TypeHeuristic,
		Agent: "qa_tester", ProjectID: "my-project",
		Data: []byte(`{"strategy":"Use incremental validation for large forms","category":"testing_strategies","confidence":0.85}`),
	}
}

func BenchmarkBareClient(b *testing.B) {
	s := newSink(b)
	s.expect(b.N)
	body := []byte(`{"event_type":"CREATED","memory_id":"550e8400-e29b-41d4-a716-446655440000","memory_type":"heuristic","agent":"qa_tester","project_id":"my-project","timestamp":"2026-01-28T12:00:00Z","data":{"strategy":"Use incremental validation for large forms","category":"testing_strategies","confidence":0.85},"event_id":"evt_019a"}`)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchWindow}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(b.N))
	var workers sync.WaitGroup
	b.ResetTimer()
	for range benchWindow {
		workers.Go(func() {
			for left.Add(-1) >= 0 {
				resp, err := client.Post(s.URL, "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	workers.Wait()
	report(b, 1)
}

func BenchmarkAppendToDelivered(b *testing.B) {
	for _, bm := range []struct {
		name     string
		appender int // Goroutines that append.
		batch    int // Events an append.
		webhooks int
	}{
		{"single/appenders=1", 1, 1, 1},
		{"single/appenders=32", 32, 1, 1},
		{"batch=100/webhooks=1", 1, 100, 1},
		{"batch=100/webhooks=10", 1, 100, 10},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := newSink(b)
			m := benchManager(b)
			for range bm.webhooks {
				if _, err := m.Add(b.Context(), alma.WebhookConfig{URL: s.URL, Secret: "bench-secret"}); err != nil {
					b.Fatal(err)
				}
			}
			s.expect(b.N * bm.webhooks)
			b.ResetTimer()
			appendAll(b, m, bm.appender, bm.batch)
			<-s.done
			report(b, bm.webhooks)
		})
	}
}

func report(b *testing.B, webhooks int) {
	b.Helper()
	b.StopTimer()
	b.ReportMetric(float64(b.N*webhooks)/b.Elapsed().Seconds(), "deliveries/s")
}

func benchManager(b *testing.B) *webhook.Manager {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "alma.db"), sqlite.Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	m, err := webhook.New(webhook.Config{
		Storage: store, Logger: quiet, Emitter: events.New(events.Config{Logger: quiet}),
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := m.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return m
}

func appendAll(b *testing.B, m *webhook.Manager, appenders, batch int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var workers sync.WaitGroup
	for range appenders {
		workers.Go(func() {
			for {
				n := batch
				if rest := left.Add(int64(-batch)); rest < 0 {
					n += int(rest)
				}
				if n <= 0 {
					return
				}
				list := make([]alma.Event, n)
				for i := range list {
					list[i] = benchEvent()
				}
				if _, err := m.Append(context.Background(), list...); err != nil {
					b.Error(fmt.Errorf("append: %w", err))
					return
				}
			}
		})
	}
	workers.Wait()
}
