package main

import (
	"context"
	_ "embed" // For the page.
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/alma-events/alma"
)

//go:embed index.html
var page []byte

// backlog is how many events a browser may be behind.
const backlog = 100

// dashboard sends events to every browser that looks at its page.
type dashboard struct {
	*http.ServeMux
	closed chan struct{}

	mu       sync.Mutex
	browsers map[chan []byte]struct{}
}

func newDashboard() *dashboard {
	d := &dashboard{ServeMux: http.NewServeMux(), closed: make(chan struct{}), browsers: map[chan []byte]struct{}{}}
	d.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	d.HandleFunc("GET /events", d.stream)
	return d
}

// broadcast is the callback. It waits for no browser: one that is too far
// behind misses events. Those who must miss none read Alma's log; the server's
// GET /v1/events/stream does, and resumes after a broken connection.
func (d *dashboard) broadcast(_ context.Context, ev *alma.Event) error {
	message, err := json.Marshal(map[string]any{"type": ev.Type, "agent": ev.Agent, "memory": ev.Data})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for browser := range d.browsers {
		select {
		case browser <- message:
		default:
		}
	}
	return nil
}

// stream answers a browser with server-sent events, until it leaves or the
// dashboard is closed.
func (d *dashboard) stream(w http.ResponseWriter, r *http.Request) {
	messages := make(chan []byte, backlog)
	d.mu.Lock()
	d.browsers[messages] = struct{}{}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.browsers, messages)
	}()

	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	flush() // The browser learns at once that it is connected.
	for {
		select {
		case message := <-messages:
			if _, err := fmt.Fprintf(w, "data: %s\n\n", message); err != nil || flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-d.closed:
			return
		}
	}
}

// close ends the streams; a server would wait for them when it shuts down.
func (d *dashboard) close() { close(d.closed) }
