package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sink is the listener of all cases: it reads the request and answers 204. Under
// /hang it never answers.
type sink struct {
	url  string
	http *http.Server
	quit chan struct{}

	count    atomic.Int64
	expected atomic.Int64
	arrived  chan struct{} // Receives when the expected number is there.

	mu        sync.Mutex
	sent      map[string]time.Time // By event id, while latencies are measured.
	latencies []time.Duration
	measuring atomic.Bool
	came      map[string]int // By event id, while they are recorded.
	recording atomic.Bool
}

func newSink(ctx context.Context) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	s := &sink{url: "http://" + l.Addr().String(), quit: make(chan struct{}), arrived: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.serve)
	mux.HandleFunc("/hang", s.hang)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go s.http.Serve(l) //nolint:errcheck // It ends with close, and says so.
	return s, nil
}

func (s *sink) close() {
	close(s.quit)
	s.http.Close() // Nothing is lost with it.
}

func (s *sink) serve(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) //nolint:errcheck // What cannot be read is answered all the same.
	switch {
	case s.measuring.Load():
		s.note(r.Header.Get("X-Alma-Event-Id"))
	case s.recording.Load():
		s.keep(r.Header.Get("X-Alma-Event-Id"))
	default:
	}
	w.WriteHeader(http.StatusNoContent)
	if s.count.Add(1) == s.expected.Load() {
		s.arrived <- struct{}{}
	}
}

func (s *sink) hang(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.quit:
	}
}

// expect begins to count anew.
func (s *sink) expect(n int) {
	select {
	case <-s.arrived:
	default:
	}
	s.count.Store(0)
	s.expected.Store(int64(n))
}

// await waits until what is expected has arrived, and tells how far it is.
func (s *sink) await(ctx context.Context, progress func(done int)) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-s.arrived:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-ticker.C:
			count := s.count.Load()
			progress(int(count))
			if count != last {
				last, since = count, now
			} else if now.Sub(since) > time.Minute {
				return fmt.Errorf("%d of %d deliveries arrived, and none for a minute", count, s.expected.Load())
			}
		}
	}
}

// measure begins to take latencies; depart notes when an event sets out.
func (s *sink) measure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.latencies = map[string]time.Time{}, nil
	s.measuring.Store(true)
}

func (s *sink) depart(id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[id] = at
}

func (s *sink) note(id string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.sent[id]; ok {
		s.latencies = append(s.latencies, now.Sub(at))
		delete(s.sent, id)
	}
}

// quantiles ends the measuring and returns the median and the 99th percentile.
func (s *sink) quantiles() (p50, p99 time.Duration) {
	s.measuring.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.latencies)
	if n == 0 {
		return 0, 0
	}
	slices.Sort(s.latencies)
	return s.latencies[n/2], s.latencies[n*99/100]
}

// record begins to count how often each event comes, and to count anew.
func (s *sink) record() {
	s.expect(-1) // However many.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = map[string]int{}
	s.recording.Store(true)
}

// forget ends what record began.
func (s *sink) forget() {
	s.recording.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = nil
}

func (s *sink) keep(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.came != nil {
		s.came[id]++
	}
}

// reach waits until n requests have come in all.
func (s *sink) reach(ctx context.Context, n int64) error {
	last, since := int64(-1), time.Now()
	for {
		count := s.count.Load()
		if count >= n {
			return nil
		}
		if count != last {
			last, since = count, time.Now()
		} else if time.Since(since) > time.Minute {
			return fmt.Errorf("%d of %d deliveries arrived, and none for a minute", count, n)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// lacks counts those of the ids that never came.
func (s *sink) lacks(ids map[string]bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range ids {
		if s.came[id] == 0 {
			n++
		}
	}
	return n
}

// repeats counts what came again.
func (s *sink) repeats() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, times := range s.came {
		n += times - 1
	}
	return n
}
