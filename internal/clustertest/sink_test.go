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
	got  map[string]map[string]int // By webhook and event: how often.
	all  map[string][]arrival      // By webhook, in order.
	most map[string]int            // The furthest event, by webhook.
}

// arrival is one request.
type arrival struct {
	number       int // Of the event.
	began, ended time.Time
}

const handling = 2 * time.Millisecond

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{got: map[string]map[string]int{}, all: map[string][]arrival{}, most: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
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
		ID   string `json:"event_id"`
		Data struct {
			Number int `json:"number"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
		w.WriteHeader(http.StatusBadRequest) // Its sender was killed.
		return
	}
	<-time.After(handling)
	hook := r.URL.Path[1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got[hook] == nil {
		s.got[hook] = map[string]int{}
	}
	s.got[hook][ev.ID]++
	s.all[hook] = append(s.all[hook], arrival{ev.Data.Number, began, time.Now()})
	s.most[hook] = max(s.most[hook], ev.Data.Number)
	w.WriteHeader(http.StatusNoContent)
}

// behind returns how many of the webhooks have not got an event of a number or a
// later one.
func (s *sink) behind(hooks []string, number int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, hook := range hooks {
		if s.most[hook] < number {
			n++
		}
	}
	return n
}

// count returns how often each event reached a webhook.
func (s *sink) count(hook string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.got[hook]))
	for id, n := range s.got[hook] {
		out[id] = n
	}
	return out
}

func (s *sink) arrivals(hook string) []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.all[hook]...)
}
