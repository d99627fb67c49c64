package sqlite_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

// benchEvents returns n prepared events of about 300 bytes.
func benchEvents(b *testing.B, n int) []alma.Event {
	b.Helper()
	events := make([]alma.Event, n)
	for i := range events {
		events[i] = alma.Event{
			Type: alma.Created, MemoryID: alma.NewMemoryID(), MemoryType: alma.TypeHeuristic, Agent: "agent", ProjectID: "project",
			Data: []byte(`{"strategy":"` + strings.Repeat("x", 150) + `"}`),
		}
		if err := events[i].Prepare(time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	return events
}

func report(b *testing.B, n int64, unit string) {
	b.Helper()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), unit)
}

// BenchmarkAppend appends one event a call from 32 goroutines.
func BenchmarkAppend(b *testing.B) {
	s := openFile(b, sqlite.Options{})
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Append(b.Context(), benchEvents(b, 1)); err != nil {
				b.Error(err)
			}
		}
	})
	report(b, int64(b.N), "events/s")
}

// BenchmarkAppend100 appends 100 events a call from one goroutine.
func BenchmarkAppend100(b *testing.B) {
	s := openFile(b, sqlite.Options{})
	for b.Loop() {
		b.StopTimer()
		events := benchEvents(b, 100)
		b.StartTimer()
		if _, err := s.Append(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	report(b, 100*int64(b.N), "events/s")
}

// benchWebhooks creates webhooks and 1,000 events.
func benchWebhooks(b *testing.B, s *sqlite.Store, n int) {
	b.Helper()
	for i := range n {
		w := alma.Webhook{ID: fmt.Sprint("wh_", i), State: alma.StateActive, Config: alma.WebhookConfig{URL: "https://example.com"}}
		if _, err := s.CreateWebhook(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.Append(b.Context(), benchEvents(b, 1000)); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSettle records 300 successes a call, of ten webhooks.
func BenchmarkSettle(b *testing.B) {
	s := openFile(b, sqlite.Options{})
	benchWebhooks(b, s, 10)
	var seq int64
	for b.Loop() {
		var st alma.Settlement
		for i := range 300 {
			st.Attempts = append(st.Attempts, alma.SettledAttempt{
				WebhookID: fmt.Sprint("wh_", i%10), Positions: []alma.Position{{Seq: seq + int64(i/10)}},
				Attempt: alma.Attempt{Number: 1, At: time.Now(), Duration: time.Millisecond, StatusCode: 200},
			})
		}
		seq += 30
		st.Watermark = alma.Position{Seq: seq}
		if err := s.Settle(b.Context(), st); err != nil {
			b.Fatal(err)
		}
	}
	report(b, 300*int64(b.N), "outcomes/s")
}

// BenchmarkSettleFailures records 100 failures a call, with their messages.
func BenchmarkSettleFailures(b *testing.B) {
	s := openFile(b, sqlite.Options{})
	benchWebhooks(b, s, 10)
	body := []byte(strings.Repeat("x", 300))
	var seq int64
	for b.Loop() {
		var st alma.Settlement
		for i := range 100 {
			id, pos := fmt.Sprint("wh_", i%10), alma.Position{Seq: seq + int64(i/10)}
			st.Attempts = append(st.Attempts, alma.SettledAttempt{WebhookID: id, Positions: []alma.Position{pos}, Attempt: alma.Attempt{
				Number: 1, At: time.Now(), StatusCode: 500, Reason: alma.ReasonStatus5xx, Error: "the listener answered 500", Detail: &alma.AttemptDetail{ResponseBody: "no"},
			}})
			st.Exceptions = append(st.Exceptions, alma.Exception{
				WebhookID: id, Position: pos, Status: alma.StatusPending, Attempts: 1, NextAttemptAt: time.Now(), LastReason: alma.ReasonStatus5xx,
				LastError: "the listener answered 500", Message: &alma.Message{Format: alma.FormatAlma, Body: body},
			})
		}
		seq += 10
		if err := s.Settle(b.Context(), st); err != nil {
			b.Fatal(err)
		}
	}
	report(b, 100*int64(b.N), "outcomes/s")
}

// BenchmarkRead reads 100 events a call: from the ring, and by SQL.
func BenchmarkRead(b *testing.B) {
	path := b.TempDir() + "/alma.db"
	s := openPath(b, path, sqlite.Options{})
	for range 4 {
		if _, err := s.Append(b.Context(), benchEvents(b, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	read := func(b *testing.B, s *sqlite.Store) {
		b.Helper()
		var after alma.Position
		for b.Loop() {
			page, err := s.Read(b.Context(), after, 100)
			if err != nil {
				b.Fatal(err)
			}
			if after = page.Next; len(page.Events) == 0 {
				after = alma.Position{}
			}
		}
		report(b, 100*int64(b.N), "events/s")
	}
	b.Run("ring", func(b *testing.B) { read(b, s) })
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("sql", func(b *testing.B) { read(b, openPath(b, path, sqlite.Options{})) })
}

// BenchmarkFindDeliveries lists 50 of 200,000 deliveries to 1,000 webhooks.
func BenchmarkFindDeliveries(b *testing.B) {
	const hooks, events = 1000, 200
	s := openFile(b, sqlite.Options{Synchronous: sqlite.SynchronousOff})
	benchWebhooks(b, s, hooks)
	for seq := range int64(events) {
		var st alma.Settlement
		for i := range hooks {
			st.Attempts = append(st.Attempts, alma.SettledAttempt{
				WebhookID: fmt.Sprint("wh_", i), Positions: []alma.Position{{Seq: seq + 1}}, Attempt: alma.Attempt{Number: 1, At: time.Now(), StatusCode: 200},
			})
		}
		if err := s.Settle(b.Context(), st); err != nil {
			b.Fatal(err)
		}
	}
	var calls atomic.Int64
	for name, q := range map[string]alma.DeliveryQuery{
		"all": {}, "webhook": {WebhookID: "wh_7"}, "success": {Status: alma.StatusSuccess}, "failed": {Status: alma.StatusFailed}, "since": {Since: time.Now().Add(-time.Hour)},
		"deep": {Cursor: alma.Cursor{After: "2s.5"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.FindDeliveries(b.Context(), q); err != nil {
					b.Fatal(err)
				}
				calls.Add(1)
			}
		})
	}
}
