//go:build unix

package docs

import (
	"bytes"
	"io"
	"regexp"
	"sync"
	"time"
)

// transcript is what programs have printed; who waits for something is woken
// with each piece.
type transcript struct {
	mu     sync.Mutex
	text   bytes.Buffer
	grown  chan struct{} // Closed, and made anew, with each piece.
	closed bool
}

func newTranscript() *transcript { return &transcript{grown: make(chan struct{})} }

// Write implements [io.Writer].
func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake()
	return o.text.Write(p)
}

func (o *transcript) wake() {
	close(o.grown)
	o.grown = make(chan struct{})
}

// close says that nothing more comes.
func (o *transcript) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wake()
}

// and writes to another one as well.
func (o *transcript) and(other *transcript) io.Writer { return io.MultiWriter(o, other) }

// String returns all of it.
func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor reports whether something was printed, or is before patience ends.
func (o *transcript) waitFor(what *regexp.Regexp) bool {
	late := time.After(patience)
	for {
		o.mu.Lock()
		found, closed, grown := what.Match(o.text.Bytes()), o.closed, o.grown
		o.mu.Unlock()
		if found || closed {
			return found
		}
		select {
		case <-grown:
		case <-late:
			return false
		}
	}
}
