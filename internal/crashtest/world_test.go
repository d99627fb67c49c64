package crashtest

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

const window = 8 // Of every webhook: a crash repeats two of them at most.

// world is what the outside knows: what was acknowledged, and when.
type world struct {
	mu       sync.Mutex
	clock    int // Counts calls as they begin and end.
	hooks    []*hook
	events   map[string]*sent
	memories map[string]bool // Acknowledged ids, and whether they were found in a later life.
	lives    int
	serial   int
}

// hook is a webhook that was acknowledged.
type hook struct {
	id, path string
	ordered  bool
	batch    int
	odd      bool // A filter takes half of the events.
	brief    bool // Its one retry is soon spent.
	added    int  // When the answer came.
	removing int  // When its removal was asked for; 0 for never.
	replays  int
}

// sent is an event that was handed over.
type sent struct {
	n     int // Its number, which the filter looks at.
	begun int // When the call began.
	acked bool
	seen  bool // It was looked for in a later life.
}

func newWorld() *world { return &world{events: map[string]*sent{}, memories: map[string]bool{}} }

func (w *world) tick() int {
	w.clock++
	return w.clock
}

// appendSome appends a few events and notes what is acknowledged.
func (w *world) appendSome(l *life, rng *rand.Rand) bool {
	n := 1
	if rng.IntN(2) == 0 {
		n = 1 + rng.IntN(40)
	}
	w.mu.Lock()
	begun := w.tick()
	list := make([]map[string]any, n)
	ids := make([]string, n)
	for i := range list {
		w.serial++
		ids[i] = fmt.Sprintf("evt_crash_%06d", w.serial)
		w.events[ids[i]] = &sent{n: w.serial, begun: begun}
		list[i] = map[string]any{
			"event_id": ids[i], "event_type": "CREATED", "memory_id": fmt.Sprintf("m-%d", w.serial), "memory_type": "heuristic",
			"agent": "crash", "project_id": "test", "data": map[string]any{"n": w.serial, "text": "ünïcode \u2028 " + fmt.Sprint(rng.Uint64())},
		}
	}
	w.mu.Unlock()
	if !l.call("POST", "/v1/events", list, 202, nil) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.events[id].acked = true
	}
	return true
}

// addHook registers a webhook of a random kind.
func (w *world) addHook(l *life, rng *rand.Rand, base string) {
	w.mu.Lock()
	h := &hook{path: fmt.Sprintf("/hook-%d", w.tick())}
	w.mu.Unlock()
	config := map[string]any{
		"url": base + h.path, "secret": secret, "max_in_flight": window, "timeout": 5,
		"retry_count": 50, "retry_delay": 0.02, "retry_backoff": 1,
	}
	switch rng.IntN(5) {
	case 4:
		h.brief, config["retry_count"] = true, 1
	case 0:
		h.ordered, config["ordered"] = true, true
	case 1:
		h.batch = 5
		config["batch_size"], config["batch_delay"] = 5, 0.01
	case 2:
		h.odd, config["filter"] = true, "event.data.n % 2 == 1"
	}
	var answer struct{ ID string }
	if !l.call("POST", "/v1/webhooks", config, 201, &answer) {
		return // It may be there all the same; nothing is known about it.
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h.id, h.added = answer.ID, w.tick()
	w.hooks = append(w.hooks, h)
}

// some returns a webhook that is not being removed, or nil.
func (w *world) some(rng *rand.Rand) *hook {
	w.mu.Lock()
	defer w.mu.Unlock()
	var alive []*hook
	for _, h := range w.hooks {
		if h.removing == 0 {
			alive = append(alive, h)
		}
	}
	if len(alive) == 0 {
		return nil
	}
	return alive[rng.IntN(len(alive))]
}

// edit changes a webhook in one of the ways that must lose nothing.
func (w *world) edit(l *life, rng *rand.Rand) {
	h := w.some(rng)
	if h == nil {
		return
	}
	path := "/v1/webhooks/" + h.id
	switch rng.IntN(6) {
	case 0:
		l.call("POST", path+"/pause", nil, 200, nil)
	case 1, 2:
		l.call("POST", path+"/resume", nil, 200, nil)
	case 3:
		l.call("PATCH", path, map[string]any{"timeout": 3 + rng.IntN(5), "description": fmt.Sprint(rng.Uint32())}, 200, nil)
	case 4:
		w.mu.Lock()
		h.replays++
		w.mu.Unlock()
		l.call("POST", path+"/replay", map[string]any{"since": "2020-01-01T00:00:00Z"}, 202, nil)
	case 5:
		w.mu.Lock()
		few := len(w.hooks) < 3
		if !few {
			h.removing = w.tick()
		}
		w.mu.Unlock()
		if !few {
			l.call("DELETE", path, nil, 204, nil)
		}
	}
}

// save saves a memory, which is an event as well.
func (w *world) save(l *life, rng *rand.Rand) {
	id := fmt.Sprintf("mem-%d", rng.Uint64())
	body := map[string]any{"id": id, "memory_type": "preference", "agent": "crash", "project_id": "test", "data": map[string]any{"preference": "to live"}}
	if l.call("POST", "/v1/memories", body, 201, nil) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.memories[id] = false
	}
}
