package send

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

// phase says how far an exchange is. It only serves error texts and reasons.
type phase int32

const (
	phaseConnecting phase = iota
	phaseResolving
	phaseHandshake
	phaseSending
	phaseWaiting
	phaseBody
)

func (p phase) String() string {
	return [...]string{
		"connecting", "resolving the host name", "in the TLS handshake", "sending the request",
		"waiting for the response headers", "reading the body",
	}[p]
}

// exchange is one try. What the trace calls, and the writing of a long body,
// come from other goroutines, the former even after the try has ended.
type exchange struct {
	timeout  time.Duration
	host     string
	phase    atomic.Int32
	reused   atomic.Bool // The connection was used before.
	answered atomic.Bool // A byte of the answer came.

	stale    bool // A kept connection turned out closed: try again.
	reusable bool // The connection may serve another exchange.
}

// trace follows the making of a connection, and the library's exchanges.
func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { x.enter(phaseResolving) },
		ConnectStart:         func(_, _ string) { x.enter(phaseConnecting) },
		TLSHandshakeStart:    func() { x.enter(phaseHandshake) },
		GotConn:              x.gotConn,
		WroteRequest:         x.wroteRequest,
		GotFirstResponseByte: func() { x.answered.Store(true) },
	}
}

// enter notes a phase of the making of a connection. A connection that is made
// in the background, while the exchange has got another one, changes nothing.
func (x *exchange) enter(p phase) {
	if old := x.phase.Load(); phase(old) < phaseSending {
		x.phase.CompareAndSwap(old, int32(p))
	}
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.reused.Store(info.Reused)
	x.answered.Store(false)
	x.phase.Store(int32(phaseSending))
}

func (x *exchange) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err == nil {
		x.phase.CompareAndSwap(int32(phaseSending), int32(phaseWaiting))
	}
}

// run makes the try with the library.
func (x *exchange) run(transport *http.Transport, req *http.Request) Result {
	resp, err := transport.RoundTrip(req)
	if err != nil {
		x.stale = x.reused.Load() && !x.answered.Load() && isBroken(err)
		return x.failure(req.Context(), err)
	}
	defer resp.Body.Close() // What could be read was read.
	return x.read(req.Context(), resp)
}

// read reads the body of an answer.
func (x *exchange) read(ctx context.Context, resp *http.Response) Result {
	x.phase.Store(int32(phaseBody))
	res := Result{}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Its body would be the naked connection.
		res = failed(alma.ReasonProtocol, errSwitching)
	} else if body, err := readBody(resp); err != nil {
		res = x.failure(ctx, err)
		res.Body = body
	} else {
		res.Body = body
	}
	res.StatusCode, res.Header = resp.StatusCode, resp.Header
	return res
}

var errSwitching = errors.New("the listener answered 101 Switching Protocols, which was not asked for")

// chunks holds buffers for reading: most of what listeners answer is short,
// and what is stored is copied to its own size.
var chunks = sync.Pool{New: func() any { return new([4096]byte) }}

// readBody reads the whole body, stores its beginning, and fails with
// errTooLarge beyond the cap. What it returns beside an error is what came
// before it.
func readBody(resp *http.Response) ([]byte, error) {
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		return nil, nil
	}
	if resp.ContentLength > MaxAnswerBytes {
		return nil, errTooLarge
	}
	chunk := chunks.Get().(*[4096]byte) //nolint:forcetypeassert // Nothing else is put there.
	defer chunks.Put(chunk)
	var stored []byte
	for total := 0; ; {
		n, err := resp.Body.Read(chunk[:])
		total += n
		stored = append(stored, chunk[:min(n, MaxStoredBytes-len(stored))]...)
		switch {
		case total > MaxAnswerBytes:
			return stored, errTooLarge
		case errors.Is(err, io.EOF):
			return stored, nil
		case err != nil:
			return stored, err //nolint:wrapcheck // failure puts it into words.
		}
	}
}

// isBroken reports whether the connection broke, as opposed to what came over
// it being wrong, or not in time.
func isBroken(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "read" || op.Op == "write") {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed)
}
