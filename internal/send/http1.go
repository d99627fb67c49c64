package send

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"

	"github.com/alma-events/alma"
)

// Exchanges over HTTP/1.1 are made here and not by net/http's Transport: that
// one keeps two goroutines for each connection and passes every request and
// answer between three, which costs as much as all the rest of a delivery
// (docs/performance.md has the figures). The parsing of answers is net/http's.

// overHTTP1 makes an exchange over a connection of the pool, or a new one. When
// a kept connection turns out closed, the exchange begins anew, over a new one:
// deliveries are made at least once, so a repeat does no harm, whereas a failed
// attempt for every listener that closes idle connections would. When the
// listener wants HTTP/2, nothing is sent and ok is false.
func (s *Sender) overHTTP1(ctx context.Context, r *Request, t *target, deadline time.Time) (res Result, ok bool) {
	side := s.side(t, r)
	x := exchange{timeout: r.Timeout, host: t.host}
	c := side.pool.get(t.addr, time.Now())
	if c != nil {
		if res = x.try(ctx, c, r, t, deadline); !x.stale || ctx.Err() != nil {
			side.release(t.addr, c, x.reusable)
			return res, true
		}
		c.Close() // It is closed already, by the other side.
		x = exchange{timeout: r.Timeout, host: t.host}
	}
	if c, res, ok = x.connect(ctx, side, t, deadline); c == nil {
		return res, ok
	}
	res = x.try(ctx, c, r, t, deadline)
	side.release(t.addr, c, x.reusable)
	return res, true
}

// connect opens a connection. Without one, the result says why, unless the
// listener wants HTTP/2.
func (x *exchange) connect(ctx context.Context, side *side, t *target, deadline time.Time) (c *conn, res Result, ok bool) {
	ctx, cancel := context.WithDeadlineCause(httptrace.WithClientTrace(ctx, x.trace()), deadline, errTimeout)
	defer cancel()
	c, err := side.connect(ctx, t)
	switch {
	case errors.Is(err, errHTTP2):
		return nil, Result{}, false
	case err != nil:
		return nil, x.failure(ctx, err), true
	}
	return c, Result{}, true
}

// try sends the request and reads the answer, until the deadline or the end of
// ctx.
func (x *exchange) try(ctx context.Context, c *conn, r *Request, t *target, deadline time.Time) Result {
	head, err := appendHead(c.out[:0], r, t)
	c.out = head
	if err != nil {
		x.reusable = true // Nothing was sent.
		return failed(alma.ReasonEncode, err)
	}
	x.phase.Store(int32(phaseSending))
	if err := c.SetDeadline(deadline); err != nil {
		x.stale = c.kept
		return x.failure(ctx, err)
	}
	stop := context.AfterFunc(ctx, c.interrupt)
	res := x.roundTrip(ctx, c, r)
	if !stop() {
		x.reusable = false // The interruption may come any time.
	}
	return res
}

func (x *exchange) roundTrip(ctx context.Context, c *conn, r *Request) Result {
	written := x.send(c, r.Body)
	if written == nil && r.Brief {
		status, err := x.receiveBrief(c)
		if err != nil {
			return x.unanswered(ctx, c, written, err)
		}
		if status > 0 {
			x.reusable = c.in.Buffered() == 0
			return Result{StatusCode: status}
		}
	}
	resp, err := x.receive(c) //nolint:bodyclose // Closing would read what remains, without end if the listener so wishes.
	if err != nil {
		return x.unanswered(ctx, c, written, err)
	}
	res := x.read(ctx, resp)
	x.reusable = res.Err == nil && !resp.Close && c.in.Buffered() == 0
	if err := c.abandon(written); err != nil {
		x.reusable = false // The answer came without all of the request being read.
	}
	return res
}

// unanswered is the result of an exchange to which no answer could be read.
func (x *exchange) unanswered(ctx context.Context, c *conn, written chan error, err error) Result {
	x.reusable = false
	err = errors.Join(c.abandon(written), err)
	x.stale = c.kept && !x.answered.Load() && isBroken(err)
	return x.failure(ctx, err)
}

// shortBody is what goes out in one write with the headers. Listeners that
// answer without reading it do so while it lies in the system's buffers.
const shortBody = 16 << 10

// send writes the request. A long body is written beside the reading of the
// answer, which may come before its end; written then receives the error.
func (x *exchange) send(c *conn, body []byte) (written chan error) {
	if len(body) <= shortBody {
		c.out = append(c.out, body...)
		_, err := c.Write(c.out)
		return x.sent(err)
	}
	written = make(chan error, 1)
	go func() {
		_, err := c.Write(c.out)
		if err == nil {
			_, err = c.Write(body)
		}
		if err == nil {
			x.phase.CompareAndSwap(int32(phaseSending), int32(phaseWaiting))
		}
		written <- err
	}()
	return written
}

// sent notes that a short request was written; nil stands for success.
func (x *exchange) sent(err error) chan error {
	if err == nil {
		x.phase.Store(int32(phaseWaiting))
		return nil
	}
	written := make(chan error, 1)
	written <- err
	return written
}

// abandon ends the writing of a body that goes on although the exchange is
// over, and returns why not all of it was written.
func (c *conn) abandon(written chan error) error {
	if written == nil {
		return nil
	}
	select {
	case err := <-written:
		return err
	default:
	}
	c.interrupt()
	err := <-written
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errUnwritten // By the interruption: no time ran out.
	}
	return err
}

var errUnwritten = errors.New("the exchange was over before all of the request was written")

// receive reads the answer up to its body, passing over interim ones.
func (x *exchange) receive(c *conn) (*http.Response, error) {
	c.headers.begin()
	defer c.headers.end()
	if _, err := c.in.Peek(1); err != nil {
		return nil, err //nolint:wrapcheck // failure puts it into words.
	}
	x.answered.Store(true)
	return readAnswer(c.in)
}

// receiveBrief takes the answer if it is a brief one, and returns its status;
// else 0, and receive has to look at what came. An error says why nothing came:
// whoever reads again might hear another reason.
func (x *exchange) receiveBrief(c *conn) (int, error) {
	c.headers.begin()
	defer c.headers.end()
	if _, err := c.in.Peek(1); err != nil {
		return 0, err //nolint:wrapcheck // failure puts it into words.
	}
	x.answered.Store(true)
	arrived, err := c.in.Peek(c.in.Buffered())
	if err != nil {
		return 0, err //nolint:wrapcheck // As above.
	}
	status, length := briefAnswer(arrived)
	c.in.Discard(length) //nolint:errcheck // It has been peeked at.
	return status, nil
}

func readAnswer(in *bufio.Reader) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode >= http.StatusOK || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err //nolint:wrapcheck // failure puts it into words.
		}
	}
}
