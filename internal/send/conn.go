package send

import (
	"bufio"
	"fmt"
	"net"
	"syscall"
	"time"
)

// conn is a connection to a listener over which one exchange after another is
// made, by the goroutine that asks for it: nothing runs while it is idle.
type conn struct {
	net.Conn
	socket  syscall.RawConn // To look at it without reading; nil where there is none.
	headers headerLimit
	in      *bufio.Reader
	out     []byte    // The request's beginning, and its body when that is short.
	idle    time.Time // Since when it has been unused.
	kept    bool      // It was used before.

	// While it is idle, in the pool; see there.
	addr         string
	older, newer *conn
	above, below *conn
}

const bufferBytes = 4096

// newConn wraps a connection; socket is the one under its TLS, or itself.
func newConn(c, socket net.Conn) *conn {
	k := &conn{Conn: c}
	k.headers.conn = c
	k.in = bufio.NewReaderSize(&k.headers, bufferBytes)
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			k.socket = raw
		}
	}
	return k
}

// doubtful is the age at which an idle connection is looked at before it is
// used again: the listener may have closed it, or said that it gives up.
const doubtful = 100 * time.Millisecond

// usable reports whether a request may go out over an idle connection. What
// has come meanwhile is no answer to anything that was asked.
func (c *conn) usable(now time.Time) bool {
	if c.in.Buffered() > 0 {
		return false
	}
	if now.Sub(c.idle) < doubtful || c.socket == nil {
		return true
	}
	// The last exchange's deadline may have passed since: nothing could be
	// looked at then.
	return c.SetReadDeadline(time.Time{}) == nil && silent(c.socket)
}

// interrupt makes what goes on over the connection fail at once.
func (c *conn) interrupt() {
	c.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // A connection that takes no deadline is broken already.
}

// headerLimit reads from a connection; while it counts, at most so many bytes.
type headerLimit struct {
	conn     net.Conn
	left     int
	counting bool
}

var errHeaders = fmt.Errorf("the answer has more than %d bytes of headers", MaxHeaderBytes)

func (l *headerLimit) begin() { l.left, l.counting = MaxHeaderBytes, true }
func (l *headerLimit) end()   { l.counting = false }

// Read implements [io.Reader].
func (l *headerLimit) Read(p []byte) (int, error) {
	if !l.counting {
		return l.conn.Read(p) //nolint:wrapcheck // failure puts it into words.
	}
	if l.left <= 0 {
		return 0, errHeaders
	}
	n, err := l.conn.Read(p)
	l.left -= n
	return n, err //nolint:wrapcheck // failure puts it into words.
}
