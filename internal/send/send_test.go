package send_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBytesOnTheWire pins the whole request.
func TestBytesOnTheWire(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		var request strings.Builder
		for !strings.HasSuffix(request.String(), "\r\n\r\n{}") {
			b, err := in.ReadByte()
			if err != nil {
				break
			}
			request.WriteByte(b)
		}
		got <- request.String()
		write(c, "HTTP/1.1 204 No Content\r\n\r\n")
		untilClosed(c)
	})
	res := s.Send(t.Context(), send.Request{
		URL: "http://listener.example:8080/hook?a=b",
		Header: []alma.HeaderField{
			{Name: "X-ALMA-Event-ID", Value: "evt_1"},
			{Name: "x-lower", Value: "1"},
			{Name: "X-Twice", Value: "1"},
			{Name: "X-Twice", Value: "2"},
			{Name: "User-Agent", Value: "alma/0"},
			// These frame the request and are the library's alone.
			{Name: "content-length", Value: "1"},
			{Name: "HOST", Value: "elsewhere.example"},
			{Name: "transfer-encoding", Value: "chunked"},
			{Name: "trailer", Value: "x"},
		},
		Body: []byte("{}"),
	})
	wantStatus(t, res, http.StatusNoContent)
	const want = "POST /hook?a=b HTTP/1.1\r\nHost: listener.example:8080\r\nContent-Length: 2\r\n" +
		"X-ALMA-Event-ID: evt_1\r\nx-lower: 1\r\nX-Twice: 1\r\nX-Twice: 2\r\nUser-Agent: alma/0\r\n\r\n{}"
	if got := <-got; got != want {
		t.Errorf("on the wire\n%q\nwant\n%q", got, want)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	var method, agent, length string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, agent, length = r.Method, strings.Join(r.Header["User-Agent"], ","), r.Header.Get("Content-Length")
		w.Header().Set("X-Answer", "yes")
		io.WriteString(w, "challenge") // Seen by the sender.
	}))
	t.Cleanup(srv.Close)
	s := loopback(t)
	for _, want := range []string{http.MethodGet, http.MethodOptions, http.MethodPost} {
		res := s.Send(t.Context(), send.Request{Method: want, URL: srv.URL})
		wantStatus(t, res, http.StatusOK)
		if method != want || agent != "" || (want == http.MethodGet && length != "") {
			t.Errorf("got %s with agent %q, length %q; want %s without", method, agent, length, want)
		}
		if string(res.Body) != "challenge" || res.Header.Get("X-Answer") != "yes" {
			t.Errorf("answer %q, header %v", res.Body, res.Header)
		}
	}
}

// TestRedirectsAreAnswers also shows that the target is never called.
func TestRedirectsAreAnswers(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	res := loopback(t).Send(t.Context(), request(srv.URL))
	wantStatus(t, res, http.StatusTemporaryRedirect)
	if calls.Load() != 1 || !strings.HasPrefix(res.Header.Get("Location"), "/elsewhere") {
		t.Errorf("%d calls, location %q", calls.Load(), res.Header.Get("Location"))
	}
}

// TestGarbageBodyIsAnAnswer: what a 200 says is not looked at.
func TestGarbageBodyIsAnAnswer(t *testing.T) {
	t.Parallel()
	const garbage = "\x00\xff<html>{{{"
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		readRequest(in)
		write(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"+garbage)
	})
	res := s.Send(t.Context(), request("http://listener.example"))
	wantStatus(t, res, http.StatusOK)
	if string(res.Body) != garbage {
		t.Errorf("stored %q; want %q", res.Body, garbage)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
		conns.Add(1)
		for readRequest(in) {
			write(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	for range 20 {
		wantStatus(t, s.Send(t.Context(), request("http://listener.example")), http.StatusOK)
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("20 exchanges took %d connections; want 1", n)
	}
}

// TestIdleConnectionCloses: a listener that closes a kept connection just as
// the next request goes out has not failed.
func TestIdleConnectionCloses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// meet is what the listener does as the second request of a connection arrives.
		meet func(in *bufio.Reader)
	}{
		{"before it reads a byte", func(*bufio.Reader) {}},
		{"as the request begins", func(in *bufio.Reader) { in.ReadByte() }}, // Closes next.
		{"within the body", func(in *bufio.Reader) { in.Discard(8 << 10) }}, // Closes next.
		{"after the request", func(in *bufio.Reader) { readRequest(in) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var conns, answers atomic.Int32
			s := overPipes(t, func(conn net.Conn, in *bufio.Reader) {
				conns.Add(1)
				readRequest(in)
				answers.Add(1)
				write(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				if _, err := in.Peek(1); err == nil {
					c.meet(in)
				}
			})
			r := request("http://listener.example")
			r.Body = []byte(strings.Repeat("b", 64<<10))
			for range 5 {
				wantStatus(t, s.Send(t.Context(), r), http.StatusNoContent)
			}
			if conns.Load() != 5 || answers.Load() != 5 {
				t.Errorf("%d connections, %d answers; want 5 of each", conns.Load(), answers.Load())
			}
		})
	}
}

// TestFreshConnectionCloses: a listener that closes every connection without an
// answer is called once an exchange, not for ever.
func TestFreshConnectionCloses(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	s := overPipes(t, func(_ net.Conn, in *bufio.Reader) { conns.Add(1); readRequest(in) })
	res := s.Send(t.Context(), request("http://listener.example"))
	wantFailure(t, res, alma.ReasonConnect, "the connection to listener.example broke while waiting for the response headers: the connection was closed")
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections; want 1", n)
	}
}

func TestDefaultTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := overPipes(t, func(c net.Conn, in *bufio.Reader) { readRequest(in); untilClosed(c) })
		res := s.Send(t.Context(), send.Request{URL: "http://listener.example"})
		if res.Reason != alma.ReasonTimeout || res.Duration != send.DefaultTimeout {
			t.Errorf("%s after %s; want a timeout after %s", res.Reason, res.Duration, send.DefaultTimeout)
		}
	})
}

// TestLateAnswerCounts: a slow listener that is done in time has succeeded.
func TestLateAnswerCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
			readRequest(in)
			time.Sleep(29 * time.Second)
			write(c, "HTTP/1.1 200 OK\r\n\r\n")
		})
		res := s.Send(t.Context(), request("http://listener.example"))
		wantStatus(t, res, http.StatusOK)
		if res.Duration != 29*time.Second {
			t.Errorf("took %s; want 29s", res.Duration)
		}
	})
}

// TestProxyIsNotAsked cannot be parallel: it sets the environment.
func TestProxyIsNotAsked(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	wantStatus(t, loopback(t).Send(t.Context(), request(srv.URL)), http.StatusOK)
}

// TestManyListeners: more URLs than are remembered, each with a connection of
// its own, of which few stay open.
func TestManyListeners(t *testing.T) {
	t.Parallel()
	var open atomic.Int32
	s := send.New(send.Config{MaxIdleConns: 10, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		open.Add(1)
		go func() {
			defer server.Close() // The end of the listener.
			for in := bufio.NewReader(server); readRequest(in); {
				write(server, "HTTP/1.1 204 No Content\r\n\r\n")
			}
		}()
		return &counted{client, &open}, nil
	}})
	t.Cleanup(s.Close)
	for i := range 9000 {
		host := "http://" + strconv.Itoa(i) + ".example"
		wantStatus(t, s.Send(t.Context(), send.Request{URL: host}), http.StatusNoContent)
		if n := open.Load(); n > 100 {
			t.Fatalf("%d connections are open; want few", n)
		}
	}
}

// counted takes one off when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int32
}

func (c *counted) Close() error {
	c.open.Add(-1)
	return c.Conn.Close()
}
