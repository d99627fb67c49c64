package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

const benchBody = `{"event_type":"CREATED","memory_id":"550e8400-e29b-41d4-a716-446655440000","memory_type":"heuristic","agent":"qa_tester","project_id":"my-project","timestamp":"2026-01-28T12:00:00Z","data":{"strategy":"Use incremental validation for large forms","category":"testing_strategies","confidence":0.85}}`

// sink counts requests and says when the awaited number is there.
type sink struct {
	*httptest.Server
	got, want atomic.Int64
	done      chan struct{}
}

func newSink(b *testing.B) *sink {
	b.Helper()
	s := &sink{done: make(chan struct{}, 1)}
	s.want.Store(int64(b.N))
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

// clients posts the body b.N times from 32 clients that keep their connections.
func clients(b *testing.B, url, key string, status int) {
	b.Helper()
	const n = 32
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader([]byte(benchBody)))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+key)
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != status {
					b.Errorf("answered %d", resp.StatusCode)
					return
				}
			}
		})
	}
	group.Wait()
}

// BenchmarkPostEvent compares, in one run, a bare client that posts to a sink
// with the same client posting to the API, which stores each event durably and
// delivers it to that sink. Compare events/s.
func BenchmarkPostEvent(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		s := newSink(b)
		b.ResetTimer()
		clients(b, s.URL, "", http.StatusNoContent)
		report(b)
	})
	b.Run("delivered", func(b *testing.B) {
		s := newSink(b)
		url, key := benchAPI(b, s.URL)
		b.ResetTimer()
		clients(b, url+"/v1/events", key, http.StatusAccepted)
		<-s.done
		report(b)
	})
	b.Run("stored", func(b *testing.B) {
		url, key := benchAPI(b, "")
		b.ResetTimer()
		clients(b, url+"/v1/events", key, http.StatusAccepted)
		report(b)
	})
}

func report(b *testing.B) {
	b.Helper()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// benchAPI serves the API over a database file, with one webhook unless hook
// is empty.
func benchAPI(b *testing.B, hook string) (url, key string) {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "alma.db"), sqlite.Options{Logger: quiet})
	check(b, err)
	emitter := events.New(events.Config{Logger: quiet})
	listener := almatest.Listener{}
	manager, err := webhook.New(webhook.Config{Storage: store, Logger: quiet, Emitter: emitter, AllowCIDRs: listener.AllowCIDR()})
	check(b, err)
	check(b, manager.Start(b.Context()))
	memories, err := memory.New(memory.Config{Storage: store, Emitter: emitter, Logger: quiet})
	check(b, err)
	if hook != "" {
		_, err = manager.Add(b.Context(), alma.WebhookConfig{URL: hook, Secret: "bench-secret"})
		check(b, err)
	}
	handler, err := api.New(api.Config{Manager: manager, Memory: memories, Store: store, Logger: quiet})
	check(b, err)
	key, _, err = api.Bootstrap(b.Context(), store, "")
	check(b, err)
	srv := httptest.NewServer(handler)
	b.Cleanup(func() {
		handler.Close()
		srv.Close()
		check(b, manager.Shutdown(context.Background()))
		check(b, store.Close())
	})
	return srv.URL, key
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
