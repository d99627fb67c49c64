package almatest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// PipeListener serves HTTP over pipes in memory instead of a network: it works
// inside a testing/synctest bubble, in which real connections do not. Its Dial
// takes the place of a network dialler, whatever the host.
type PipeListener struct {
	srv    http.Server
	tls    *tls.Config // nil for http.
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
	served chan struct{} // Closed when Serve has returned.
}

// errPipeClosed is what a closed PipeListener answers to Dial and Accept.
var errPipeClosed = errors.New("almatest: the listener is closed")

// NewPipeListener starts to serve the handler, usually a [Recorder]. It is
// closed at the end of the test, or of the bubble that it was made in.
func NewPipeListener(t testing.TB, handler http.Handler) *PipeListener {
	t.Helper()
	l := newPipeListener(t, handler)
	l.serve(t)
	return l
}

func newPipeListener(t testing.TB, handler http.Handler) *PipeListener {
	t.Helper()
	return &PipeListener{
		srv:    http.Server{Handler: handler}, //nolint:gosec // Tests may hang on purpose.
		conns:  make(chan net.Conn),
		closed: make(chan struct{}),
		served: make(chan struct{}),
	}
}

func (l *PipeListener) serve(t testing.TB) {
	t.Helper()
	go func() {
		defer close(l.served)
		_ = l.srv.Serve(pipeAccepter{l}) // It ends with Close, and in no other way.
	}()
	t.Cleanup(l.Close)
}

// Dial connects to the handler. Its form is that of [net.Dialer.DialContext].
func (l *PipeListener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	if l.tls != nil {
		server = tls.Server(server, l.tls)
	}
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errPipeClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx) //nolint:wrapcheck // As a real dialler would.
	}
}

// Close ends all connections, those with requests too. Dial fails from then on.
func (l *PipeListener) Close() {
	l.close.Do(func() { close(l.closed) })
	_ = l.srv.Close() // Closing pipes cannot fail.
	<-l.served
}

// pipeAccepter is the [net.Listener] that the server sees.
type pipeAccepter struct{ l *PipeListener }

func (a pipeAccepter) Accept() (net.Conn, error) {
	select {
	case c := <-a.l.conns:
		return c, nil
	case <-a.l.closed:
		return nil, net.ErrClosed
	}
}

func (a pipeAccepter) Close() error {
	a.l.close.Do(func() { close(a.l.closed) })
	return nil
}

func (pipeAccepter) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
