package send_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

const echo = "X-Echo: Bearer " + planted

// TestListenerFails holds every way in which a listener can misbehave once a
// connection stands. The clock is that of a bubble: nothing really waits.
func TestListenerFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		serve  script
		reason alma.Reason
		text   string
		after  time.Duration // When the failure is known.
	}{
		{
			"hangs before the headers",
			func(c net.Conn, in *bufio.Reader) { readRequest(in); untilClosed(c) },
			alma.ReasonTimeout, "no complete answer within 30s: the time ran out while waiting for the response headers", 30 * time.Second,
		}, {
			"does not read the request",
			func(net.Conn, *bufio.Reader) { time.Sleep(time.Minute) },
			alma.ReasonTimeout, "no complete answer within 30s: the time ran out while sending the request", 30 * time.Second,
		}, {
			"drips headers, a byte a second",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				drip(c, "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("a", 100))
			},
			alma.ReasonTimeout, "no complete answer within 30s: the time ran out while waiting for the response headers", 30 * time.Second,
		}, {
			"drips the body, a byte a second",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
				drip(c, strings.Repeat("a", 100))
			},
			alma.ReasonTimeout, "no complete answer within 30s: the time ran out while reading the body", 30 * time.Second,
		}, {
			"announces 1 GB",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
				flood(c, strings.Repeat("a", 4096))
			},
			alma.ReasonTooLarge, "the answer has more than 1048576 bytes", 0,
		}, {
			"floods without end",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\n\r\n")
				flood(c, strings.Repeat("a", 4096))
			},
			alma.ReasonTooLarge, "the answer has more than 1048576 bytes", 0,
		}, {
			"floods with headers",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\n")
				flood(c, echo+"\r\n")
			},
			alma.ReasonTooLarge, "the answer has more than 65536 bytes of headers", 0,
		}, {
			"closes at once",
			func(net.Conn, *bufio.Reader) {},
			alma.ReasonConnect, "the connection to listener.example broke while sending the request: the connection was closed", 0,
		}, {
			"closes instead of an answer",
			func(_ net.Conn, in *bufio.Reader) { readRequest(in) },
			alma.ReasonConnect, "the connection to listener.example broke while waiting for the response headers: the connection was closed", 0,
		}, {
			"closes within the headers",
			func(c net.Conn, in *bufio.Reader) { readRequest(in); write(c, "HTTP/1.1 200 OK\r\nX-A: b") },
			alma.ReasonConnect, "the connection to listener.example broke while waiting for the response headers: the connection was closed", 0,
		}, {
			"closes half-way through the body",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+planted)
			},
			alma.ReasonConnect, "the connection to listener.example broke while reading the body: the answer broke off half-way", 0,
		}, {
			"closes half-way through a chunk",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n"+planted)
			},
			alma.ReasonConnect, "the connection to listener.example broke while reading the body: the answer broke off half-way", 0,
		}, {
			"garbage instead of HTTP",
			func(c net.Conn, in *bufio.Reader) { readRequest(in); write(c, planted+" is what I got\r\n\r\n") },
			alma.ReasonProtocol, "the answer is not understandable HTTP (waiting for the response headers)", 0,
		}, {
			"garbage as a header",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\n"+planted+"\r\n\r\n")
			},
			alma.ReasonProtocol, "the answer is not understandable HTTP (waiting for the response headers)", 0,
		}, {
			"garbage as a status",
			func(c net.Conn, in *bufio.Reader) { readRequest(in); write(c, "HTTP/1.1 "+planted+"\r\n\r\n") },
			alma.ReasonProtocol, "the answer is not understandable HTTP (waiting for the response headers)", 0,
		}, {
			"two lengths",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
			},
			alma.ReasonProtocol, "the answer is not understandable HTTP (waiting for the response headers)", 0,
		}, {
			"garbage as a chunk",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+planted+"\r\n")
			},
			alma.ReasonProtocol, "the answer is not understandable HTTP (reading the body)", 0,
		}, {
			"switches protocols",
			func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
				untilClosed(c)
			},
			alma.ReasonProtocol, "the listener answered 101 Switching Protocols, which was not asked for", 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := overPipes(t, c.serve)
				began := time.Now()
				res := s.Send(t.Context(), request("http://listener.example"))
				wantFailure(t, res, c.reason, c.text)
				if took := time.Since(began); took != c.after || res.Duration != took || !res.At.Equal(began) {
					t.Errorf("took %s, said %s from %s; want %s from %s", took, res.Duration, res.At, c.after, began)
				}
				time.Sleep(time.Hour) // Lets the script end.
			})
		})
	}
}

func drip(c net.Conn, text string) {
	for i := range text {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func flood(c net.Conn, text string) {
	for {
		if _, err := c.Write([]byte(text)); err != nil {
			return
		}
	}
}

func TestConnectionFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		dial   func(ctx context.Context) error
		reason alma.Reason
		text   string
	}{
		{
			"no such host", func(context.Context) error {
				return &net.DNSError{Err: planted, Name: "listener.example", IsNotFound: true}
			},
			alma.ReasonDNS, "the host name listener.example does not resolve: no such host",
		}, {
			"silent name server", func(context.Context) error {
				return &net.DNSError{Err: planted, Name: "listener.example", IsTimeout: true}
			},
			alma.ReasonDNS, "the host name listener.example does not resolve: the name server did not answer",
		}, {
			"broken name server", func(context.Context) error {
				return &net.DNSError{Err: planted, Server: planted, Name: "listener.example"}
			},
			alma.ReasonDNS, "the host name listener.example does not resolve: the name server failed",
		}, {
			"unknown failure", func(context.Context) error { return errors.New(planted) },
			alma.ReasonConnect, "no connection to listener.example",
		}, {
			"never connects", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			alma.ReasonTimeout, "no complete answer within 30s: the time ran out while connecting",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := send.New(send.Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, c.dial(ctx) }})
				defer s.Close()
				wantFailure(t, s.Send(t.Context(), request("http://listener.example")), c.reason, c.text)
			})
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // Now nobody listens there.
	res := loopback(t).Send(t.Context(), request("http://"+addr))
	wantFailure(t, res, alma.ReasonConnect, "no connection to 127.0.0.1: connection refused")
}

func TestUnusableURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "/hook", "ftp://listener.example", "http://user:" + planted + "@listener.example", "http://[::1", "https:///x", "http://" + planted + "%zz"} {
		res := send.New(send.Config{}).Send(t.Context(), request(url))
		wantFailure(t, res, alma.ReasonEncode, "the URL cannot be used: want an absolute http or https URL without credentials")
	}
}

func TestBlockedAddress(t *testing.T) {
	t.Parallel()
	strict := send.New(send.Config{})
	t.Cleanup(strict.Close)
	for url, text := range map[string]string{
		"http://127.0.0.1:1":         "the address 127.0.0.1 is blocked (loopback); if it is meant, allow it with --allow-cidr 127.0.0.1/32",
		"https://127.0.0.1:1":        "the address 127.0.0.1 is blocked (loopback); if it is meant, allow it with --allow-cidr 127.0.0.1/32",
		"https://10.1.2.3":           "the address 10.1.2.3 is blocked (private); if it is meant, allow it with --allow-cidr 10.1.2.3/32",
		"http://169.254.169.254":     "the address 169.254.169.254 is blocked (cloud metadata service); if it is meant, allow it with --allow-cidr 169.254.169.254/32",
		"https://[::ffff:127.0.0.1]": "the address 127.0.0.1 is blocked (loopback); if it is meant, allow it with --allow-cidr 127.0.0.1/32",
		"http://1.1.1.1":             "http needs an allowed address; use https or allow 1.1.1.1 with --allow-cidr 1.1.1.1/32",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			wantFailure(t, strict.Send(t.Context(), request(url)), alma.ReasonBlockedAddress, text)
		})
	}
}

// TestCallerEnds tells the caller's own end of an exchange from its timeout.
func TestCallerEnds(t *testing.T) {
	t.Parallel()
	hang := func(c net.Conn, in *bufio.Reader) { readRequest(in); untilClosed(c) }
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := overPipes(t, hang)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			res := s.Send(ctx, request("http://listener.example"))
			wantFailure(t, res, alma.ReasonConnect, "the exchange was stopped while waiting for the response headers: context canceled")
			if !errors.Is(res.Err, context.Canceled) {
				t.Error("the error does not tell that the caller cancelled")
			}
		})
	})
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := overPipes(t, hang)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			res := s.Send(ctx, request("http://listener.example"))
			wantFailure(t, res, alma.ReasonTimeout, "no complete answer before the caller's deadline, which passed while waiting for the response headers: context deadline exceeded")
		})
	})
	t.Run("reading the body", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
				readRequest(in)
				write(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
				untilClosed(c)
			})
			res := s.Send(t.Context(), request("http://listener.example"))
			wantFailure(t, res, alma.ReasonTimeout, "no complete answer within 30s: the time ran out while reading the body")
			if res.StatusCode != 200 || string(res.Body) != "abc" {
				t.Errorf("got %d %q; want what had come: 200 \"abc\"", res.StatusCode, res.Body)
			}
		})
	})
}

func TestStoredBodyIsCapped(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 4095, 4096, 4097, send.MaxStoredBytes, send.MaxStoredBytes + 1, send.MaxAnswerBytes} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := overPipes(t, func(c net.Conn, in *bufio.Reader) {
				for readRequest(in) {
					write(c, fmt.Sprintf("HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("a", size)))
				}
			})
			res := s.Send(t.Context(), request("http://listener.example"))
			wantStatus(t, res, 500)
			if want := min(size, send.MaxStoredBytes); len(res.Body) != want {
				t.Errorf("stored %d bytes; want %d", len(res.Body), want)
			}
		})
	}
}
