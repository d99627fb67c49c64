package crashtest

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma/wire"
)

const secret = "the-secret-of-the-crash-test"

// listener takes deliveries under a path for each webhook, and misbehaves while
// it is told to.
type listener struct {
	*httptest.Server

	mu      sync.Mutex
	rng     *rand.Rand
	naughty bool
	hooks   map[string]*received
	faults  []string
}

// received is what one webhook got.
type received struct {
	first  []string          // Event ids in the order of their first success.
	counts map[string]int    // Successes of each event.
	bodies map[string]uint64 // A hash of the event as it was sent first.
	total  int               // Successes that carried no replay.
}

func newListener(t *testing.T, seed uint64) *listener {
	t.Helper()
	l := &listener{rng: rand.New(rand.NewPCG(seed, 2)), naughty: true, hooks: map[string]*received{}}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

// behave ends the misbehaviour.
func (l *listener) behave() { l.mu.Lock(); defer l.mu.Unlock(); l.naughty = false }

// ServeHTTP answers 204, or fails in one of several ways.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // The sender was killed.
	}
	l.mu.Lock()
	answer := 0
	if l.naughty {
		answer = l.rng.IntN(12)
	}
	l.mu.Unlock()
	switch answer {
	case 1, 2:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case 3:
		panic(http.ErrAbortHandler) // The connection breaks.
	case 4:
		select {
		case <-r.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	l.note(r.URL.Path, r.Header.Get(wire.HeaderSignature), body)
	w.WriteHeader(http.StatusNoContent)
}

func (l *listener) note(path, signature string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := wire.VerifyAlma(secret, body, signature); err != nil {
		l.faults = append(l.faults, "a signature does not hold: "+err.Error())
	}
	h := l.hooks[path]
	if h == nil {
		h = &received{counts: map[string]int{}, bodies: map[string]uint64{}}
		l.hooks[path] = h
	}
	for _, raw := range split(body) {
		var ev struct {
			ID string `json:"event_id"`
		}
		if err := json.Unmarshal(raw, &ev); err != nil {
			l.faults = append(l.faults, "a body is no event: "+err.Error())
			continue
		}
		h.take(ev.ID, raw, &l.faults)
	}
}

func (h *received) take(id string, raw []byte, faults *[]string) {
	sum := fnv.New64a()
	sum.Write(raw)
	if h.counts[id] == 0 {
		h.first = append(h.first, id)
		h.bodies[id] = sum.Sum64()
	} else if h.bodies[id] != sum.Sum64() {
		*faults = append(*faults, "event "+id+" was sent in two versions")
	}
	h.counts[id]++
	h.total++
}

// split returns the events of a body: one, or those of a batch.
func split(body []byte) []json.RawMessage {
	var batch []json.RawMessage
	if json.Unmarshal(body, &batch) == nil {
		return batch
	}
	return []json.RawMessage{body}
}

// got returns a copy of what a webhook received.
func (l *listener) got(path string) (first []string, counts map[string]int, total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hooks[path]
	if h == nil {
		return nil, nil, 0
	}
	counts = make(map[string]int, len(h.counts))
	for id, n := range h.counts {
		counts[id] = n
	}
	return append([]string(nil), h.first...), counts, h.total
}
