//go:build unix

package clustertest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sink is the listener of all webhooks; the path says of which.
type sink struct {
	url      string
	counting atomic.Bool // Requests are counted, and nothing else.
	counted  atomic.Int64

	mu   sync.Mutex
	got  map[string]map[eventNumber]int // By webhook and event: how often.
	all  map[string][]arrival           // By webhook, in the order of their ends.
	news map[string]time.Time           // By webhook: when the request began that brought something new last.
	held map[string]int                 // By webhook: requests that wait for release.
	hold chan struct{}                  // Closed at the release; nil when nothing is held.
}

// arrival is one request.
type arrival struct {
	event        eventNumber
	began, ended time.Time
}

const handling = 2 * time.Millisecond

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{got: map[string]map[eventNumber]int{}, all: map[string][]arrival{}, news: map[string]time.Time{}, held: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.release)
	s.url = server.URL
	return s
}

// ServeHTTP takes one event.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.counting.Load() {
		io.Copy(io.Discard, r.Body)
		s.counted.Add(1)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	began := time.Now()
	var ev struct {
		Data eventNumber `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
		w.WriteHeader(http.StatusBadRequest) // Its sender was killed.
		return
	}
	hook := r.URL.Path[1:]
	s.wait(hook)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got[hook] == nil {
		s.got[hook] = map[eventNumber]int{}
	}
	if s.got[hook][ev.Data]++; s.got[hook][ev.Data] == 1 && began.After(s.news[hook]) {
		s.news[hook] = began
	}
	s.all[hook] = append(s.all[hook], arrival{ev.Data, began, time.Now()})
	w.WriteHeader(http.StatusNoContent)
}

// wait is what a listener does with an event, and then, where answers are held,
// until the release.
func (s *sink) wait(hook string) {
	<-time.After(handling)
	s.mu.Lock()
	hold := s.hold
	if hold != nil {
		s.held[hook]++
	}
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
}

// holdAnswers keeps all answers back until the release.
func (s *sink) holdAnswers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = make(chan struct{})
	clear(s.held)
}

func (s *sink) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil {
		close(s.hold)
		s.hold = nil
	}
}

// holds reports whether an answer to one of the webhooks is kept back.
func (s *sink) holds(hooks []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hook := range hooks {
		if s.held[hook] > 0 {
			return true
		}
	}
	return false
}

// behind returns how many of the webhooks have got nothing new since a moment.
func (s *sink) behind(hooks []string, since time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, hook := range hooks {
		if !s.news[hook].After(since) {
			n++
		}
	}
	return n
}

// lacks returns how many of the events have not reached a webhook, and how many
// requests too many it got.
func (s *sink) lacks(hook string, events []eventNumber) (lost, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range events {
		if s.got[hook][n] == 0 {
			lost++
		}
	}
	for _, n := range s.got[hook] {
		again += n - 1
	}
	return lost, again
}

// repeats returns how many requests too many all webhooks got.
func (s *sink) repeats() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hook := range s.all {
		n += len(s.all[hook]) - len(s.got[hook])
	}
	return n
}

func (s *sink) arrivals(hook string) []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.all[hook]...)
}
