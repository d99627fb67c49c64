package almatest

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// Received is a request as it came.
type Received struct {
	Number int // 1, 2, … in the order of arrival.
	At     time.Time
	Method string
	URL    string      // Path and query.
	Header http.Header // As net/http gives it: names in canonical form.
	Body   []byte      // The raw bytes.
	Events []alma.Event
	// DecodeErr says why Events is empty.
	DecodeErr error
	// Verified says that the signature holds; always false without [WithSecret].
	Verified bool
	// VerifyErr says why it does not.
	VerifyErr error
	// Status is what was answered; 0 while the answer is not finished, and when
	// it was no proper one.
	Status int
}

// ListenerOption changes what [NewListener] and [NewRecorder] make.
type ListenerOption func(*Recorder)

// WithSecret verifies signatures with any of the secrets. A delivery whose
// signature does not hold is recorded, and answered with 401.
func WithSecret(secrets ...string) ListenerOption {
	return func(r *Recorder) { r.secrets = append(r.secrets, secrets...) }
}

// WithFormat decodes and verifies another format than alma.
func WithFormat(name alma.Format) ListenerOption {
	return func(r *Recorder) { r.formatName = name }
}

// WithTLS serves https and HTTP/2 with a certificate of its own authority
// (see [Listener.RootCAs]).
func WithTLS() ListenerOption {
	return func(r *Recorder) { r.tls = true }
}

// Recorder is the [http.Handler] of a [Listener]: it records requests and
// answers as it is told. It may be used concurrently.
type Recorder struct {
	t          testing.TB
	format     wire.Format
	formatName alma.Format
	secrets    []string
	tls        bool

	mu       sync.Mutex
	requests []*Received
	queue    []Answer      // For the next requests.
	answer   Answer        // For all others.
	released chan struct{} // Closed by Release.
	changed  chan struct{} // Closed and replaced with each arrival and answer.
	handshake
}

// NewRecorder returns a recorder that answers 204 until told otherwise.
func NewRecorder(t testing.TB, opts ...ListenerOption) *Recorder {
	t.Helper()
	r := &Recorder{t: t, answer: Status(http.StatusNoContent), released: make(chan struct{}), changed: make(chan struct{})}
	for _, o := range opts {
		o(r)
	}
	format, ok := wire.Lookup(r.formatName)
	if !ok {
		t.Fatalf("almatest: the format %q is unknown", r.formatName)
	}
	r.format = format
	t.Cleanup(r.Release)
	return r
}

// Answer answers with a from now on.
func (r *Recorder) Answer(a Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = a
}

// Next answers the next requests with these, one each, before it goes on as
// [Recorder.Answer] says.
func (r *Recorder) Next(answers ...Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, answers...)
}

// FailTimes answers the next n requests with the status.
func (r *Recorder) FailTimes(n, status int) {
	r.Next(slices.Repeat([]Answer{Status(status)}, n)...)
}

// Release lets go the requests that hang or drip at this moment.
func (r *Recorder) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.released)
	r.released = make(chan struct{})
}

// ServeHTTP records a delivery and answers it. Questions of the format's
// handshake are answered as [Recorder.Refuse] says, and not recorded.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.consents(w, req) {
		return
	}
	got := r.read(req)
	answer, released := r.record(got)
	if len(r.secrets) > 0 && !got.Verified {
		answer = Status(http.StatusUnauthorized)
	}
	sw := &statusWriter{ResponseWriter: w}
	answer(&Exchange{Writer: sw, Request: req, Released: released})
	r.mu.Lock()
	defer r.mu.Unlock()
	got.Status = sw.status
	r.signal()
}

func (r *Recorder) read(req *http.Request) *Received {
	got := &Received{At: time.Now(), Method: req.Method, URL: req.URL.RequestURI(), Header: req.Header.Clone()}
	if got.Body, got.DecodeErr = io.ReadAll(req.Body); got.DecodeErr != nil {
		return got
	}
	got.Events, got.DecodeErr = r.format.Decode(req.Header, got.Body)
	if len(r.secrets) > 0 {
		got.VerifyErr = r.format.Verify(req.Header, got.Body, r.secrets, time.Now())
		got.Verified = got.VerifyErr == nil
	}
	return got
}

func (r *Recorder) record(got *Received) (Answer, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, got)
	got.Number = len(r.requests)
	r.signal()
	if len(r.queue) == 0 {
		return r.answer, r.released
	}
	next := r.queue[0]
	r.queue = r.queue[1:]
	return next, r.released
}

// signal wakes everyone who waits. r.mu is held.
func (r *Recorder) signal() {
	close(r.changed)
	r.changed = make(chan struct{})
}
