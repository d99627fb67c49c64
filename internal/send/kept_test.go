package send_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// TestHangOnKeptConnection: a listener that got the request and says nothing
// has not closed the connection; the error says what was waited for.
func TestHangOnKeptConnection(t *testing.T) {
	t.Parallel()
	l := listen(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		readRequest(in)
		write(c, "HTTP/1.1 204 No Content\r\n\r\n")
		readRequest(in)
		untilClosed(c)
	})
	s := loopback(t)
	wantStatus(t, s.Send(t.Context(), request("http://"+l)), http.StatusNoContent)
	r := request("http://" + l)
	r.Timeout = 250 * time.Millisecond
	res := s.Send(t.Context(), r)
	if res.Reason != alma.ReasonTimeout || !strings.Contains(res.Err.Error(), "waiting for the response headers") {
		t.Errorf("got %s: %v; want a timeout while waiting for the response headers", res.Reason, res.Err)
	}
}

// TestListenerEndsWhileTheBodyIsSent: who ends the connection without an answer
// and reads no further let no time run out.
func TestListenerEndsWhileTheBodyIsSent(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	defer close(done)
	l := listen(t, func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, 100)); err != nil {
			t.Error(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Error(err)
		}
		<-done
	})
	r := request("http://" + l)
	r.Body = make([]byte, 32<<20)
	res := loopback(t).Send(t.Context(), r)
	if res.Reason != alma.ReasonConnect {
		t.Errorf("got %s: %v; want %s", res.Reason, res.Err, alma.ReasonConnect)
	}
}
