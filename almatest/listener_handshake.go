package almatest

import (
	"net/http"

	"github.com/alma-events/alma/wire"
)

// handshake is the recorder's part in the handshake of its format.
type handshake struct {
	refuses   bool
	questions int
}

// Refuse makes the listener refuse its consent from now on, or give it again:
// what it does at first.
func (r *Recorder) Refuse(refuse bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuse
}

// Questions returns how often the listener was asked for its consent.
func (r *Recorder) Questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.questions
}

// consents answers a question of the handshake; false when the request is none.
func (r *Recorder) consents(w http.ResponseWriter, req *http.Request) bool {
	asker, ok := r.format.(wire.Handshaker)
	if !ok || req.Method != http.MethodGet && req.Method != http.MethodOptions {
		return false
	}
	r.mu.Lock()
	r.questions++
	refuses := r.refuses
	r.mu.Unlock()
	if refuses {
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	return asker.Answer(w, req)
}
