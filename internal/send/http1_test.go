package send_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

func TestInterimAnswersArePassedOver(t *testing.T) {
	t.Parallel()
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		write(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
		untilClosed(c)
	})
	wantStatus(t, s.Send(t.Context(), request("http://listener.example")), http.StatusNoContent)
}

// TestEndlessInterimAnswers: they count against the limit of headers together.
func TestEndlessInterimAnswers(t *testing.T) {
	t.Parallel()
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		flood(c, "HTTP/1.1 103 Early Hints\r\n\r\n")
	})
	res := s.Send(t.Context(), request("http://listener.example"))
	wantFailure(t, res, alma.ReasonTooLarge, "the answer has more than 65536 bytes of headers")
}

// TestAnswerBeforeTheBodyIsRead: a listener may refuse a request by its headers
// alone.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		write(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!")
		untilClosed(c)
	})
	r := request("http://listener.example")
	r.Body = []byte(strings.Repeat("b", 1<<20))
	for range 2 {
		res := s.Send(t.Context(), r)
		wantStatus(t, res, http.StatusRequestEntityTooLarge)
		if string(res.Body) != "no!" {
			t.Errorf("stored %q; want what the listener said", res.Body)
		}
	}
}

// TestUnaskedWords: what a listener sends on an idle connection, as the 408 of
// one that is tired of waiting, is not the answer to the next request.
func TestUnaskedWords(t *testing.T) {
	t.Parallel()
	tired, said := make(chan struct{}), make(chan struct{})
	var conns atomic.Int32
	l := listen(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		first := conns.Add(1) == 1
		for readRequest(in) {
			write(c, "HTTP/1.1 204 No Content\r\n\r\n")
			if first {
				<-tired
				write(c, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
				close(said)
				return
			}
		}
	})
	s := loopback(t)
	wantStatus(t, s.Send(t.Context(), request("http://"+l)), http.StatusNoContent)
	close(tired) // After the answer was read, as a timeout is.
	<-said
	send.Age(s, time.Second)
	wantStatus(t, s.Send(t.Context(), request("http://"+l)), http.StatusNoContent)
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections; want 2: the first had been given up", n)
	}
}

// TestAgedConnectionIsUsedAgain: one that is silent and open is.
func TestAgedConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	l := listen(t, func(c net.Conn) {
		conns.Add(1)
		for in := bufio.NewReader(c); readRequest(in); {
			write(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	s := loopback(t)
	for range 3 {
		wantStatus(t, s.Send(t.Context(), request("http://"+l)), http.StatusNoContent)
		send.Age(s, time.Second)
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections; want 1", n)
	}
}

// TestWordsAfterTheAnswer: a connection whose listener says more than it was
// asked is not used again.
func TestWordsAfterTheAnswer(t *testing.T) {
	t.Parallel()
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		write(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Injected\r\nContent-Length: 0\r\n\r\n")
		untilClosed(c)
	})
	for range 3 {
		wantStatus(t, s.Send(t.Context(), request("http://listener.example")), http.StatusOK)
	}
}

func TestListenersThatCloseAfterTheAnswer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"Connection: close": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0":          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"no length":         "HTTP/1.1 200 OK\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var conns atomic.Int32
			s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
				conns.Add(1)
				readRequest(in)
				write(c, answer)
			})
			for range 3 {
				res := s.Send(t.Context(), request("http://listener.example"))
				wantStatus(t, res, http.StatusOK)
				if string(res.Body) != "ok" {
					t.Errorf("stored %q; want \"ok\"", res.Body)
				}
			}
			if n := conns.Load(); n != 3 {
				t.Errorf("%d connections; want 3", n)
			}
		})
	}
}

func TestIdleConnectionsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
			open.Add(1)
			defer open.Add(-1)
			for readRequest(in) {
				write(c, "HTTP/1.1 204 No Content\r\n\r\n")
			}
		})
		wantStatus(t, s.Send(t.Context(), request("http://a.example")), http.StatusNoContent)
		time.Sleep(60 * time.Second)
		wantStatus(t, s.Send(t.Context(), request("http://b.example")), http.StatusNoContent)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if n := open.Load(); n != 1 {
			t.Errorf("%d connections are open 91 s after the first and 31 s after the second was used; want 1", n)
		}
		time.Sleep(60 * time.Second)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections are open after 91 s; want 0", n)
		}
	})
}

// TestHeadersThatCannotBeSent: a line break would begin a header of its own.
func TestHeadersThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, f := range []alma.HeaderField{
		{Name: "X-A", Value: "1\r\nX-B: " + planted},
		{Name: "X-A", Value: planted + "\x00"},
		{Name: "X A", Value: planted},
		{Name: "", Value: planted},
	} {
		s := overPipes(t, func(c net.Conn, _ *bufio.Reader) { untilClosed(c) })
		r := request("http://listener.example")
		r.Header = append(r.Header, f)
		res := s.Send(t.Context(), r)
		if res.Reason != alma.ReasonEncode || res.Err == nil || strings.Contains(res.Err.Error(), planted) {
			t.Errorf("header %q: %s: %v; want it refused, its value not shown", f.Name, res.Reason, res.Err)
		}
	}
}

// listen serves connections on loopback until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // Ends the goroutine.
	go func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go func() {
					defer c.Close() // The end of the listener.
					serve(c)
					io.Copy(io.Discard, c) // Until the sender closes it.
				}()
			}
		}
	}()
	return l.Addr().String()
}
