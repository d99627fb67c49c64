package send_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

// egress is a proxy that leads every connection to one listener, whatever it
// is asked for, and remembers what that was.
type egress struct {
	*httptest.Server

	listener string
	mu       sync.Mutex
	asked    []string
	answer   func(http.ResponseWriter, *http.Request) bool // Answers instead; nil for never.
}

func newEgress(t *testing.T, listener string, secure bool) *egress {
	t.Helper()
	e := &egress{listener: listener}
	e.Server = httptest.NewUnstartedServer(e)
	e.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		e.StartTLS()
	} else {
		e.Start()
	}
	t.Cleanup(e.Close)
	return e
}

// ServeHTTP answers CONNECT.
func (e *egress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.asked = append(e.asked, r.Method+" "+r.Host)
	e.mu.Unlock()
	if e.answer != nil && e.answer(w, r) {
		return
	}
	to, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", e.listener)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close() // The tunnel's end.
	w.WriteHeader(http.StatusOK)
	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer from.Close() // The tunnel's end.
	go func() {
		io.Copy(to, buffered)
		to.Close() // So that the other direction ends.
	}()
	io.Copy(from, to)
}

func (e *egress) calls() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.asked, ", ")
}

const publicIP = "93.184.215.14"

func lookup(_ context.Context, host string) ([]netip.Addr, error) {
	addr, ok := map[string]string{"public.example": publicIP, "inside.example": "127.0.0.1", "metadata.example": "169.254.169.254"}[host]
	if !ok {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr(addr)}, nil
}

// named returns a listener whose certificate is for the names above.
func named(t *testing.T) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	cert := certificate(t, time.Now().Add(time.Hour), publicIP, "public.example", "inside.example")
	return tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}), pool(cert)
}

// TestProxy: the guard holds behind a proxy, which is asked for the address
// that was judged; allowed addresses are reached without it.
func TestProxy(t *testing.T) {
	t.Parallel()
	srv, roots := named(t)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		url      string
		allowed  []string
		resolves bool
		asked    string
		reason   alma.Reason
		text     string
	}{
		{name: "a public name", url: "https://public.example", asked: "CONNECT " + publicIP + ":443"},
		{name: "a public address", url: "https://" + publicIP + ":8443", asked: "CONNECT " + publicIP + ":8443"},
		{name: "an allowed name", url: "https://inside.example:" + port, allowed: []string{"127.0.0.0/8"}},
		{
			name: "a name of a private address", url: "https://inside.example", reason: alma.ReasonBlockedAddress,
			text: "the address 127.0.0.1 is blocked (loopback); if it is meant, allow it with --allow-cidr 127.0.0.1/32",
		}, {
			name: "a name of the metadata service", url: "https://metadata.example", reason: alma.ReasonBlockedAddress,
			text: "the address 169.254.169.254 is blocked (cloud metadata service); if it is meant, allow it with --allow-cidr 169.254.169.254/32",
		}, {
			name: "a name that does not resolve", url: "https://nowhere.example", reason: alma.ReasonDNS,
			text: "the host name nowhere.example does not resolve: no such host",
		},
		{name: "the proxy resolves", url: "https://public.example:444", resolves: true, asked: "CONNECT public.example:444"},
		{
			name: "the proxy resolves, but a literal address is judged", url: "https://169.254.169.254", resolves: true, reason: alma.ReasonBlockedAddress,
			text: "the address 169.254.169.254 is blocked (cloud metadata service); if it is meant, allow it with --allow-cidr 169.254.169.254/32",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEgress(t, srv.Listener.Addr().String(), false)
			res := through(t, e, send.Config{RootCAs: roots, ProxyResolves: c.resolves, Guard: allow(c.allowed...)}).Send(t.Context(), request(c.url))
			if c.reason != "" {
				wantFailure(t, res, c.reason, c.text)
			} else {
				wantStatus(t, res, http.StatusOK)
			}
			if got := e.calls(); got != c.asked {
				t.Errorf("the proxy was asked for %q; want %q", got, c.asked)
			}
		})
	}
}

// through returns a sender that uses the proxy.
func through(t *testing.T, e *egress, cfg send.Config) *send.Sender {
	t.Helper()
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("alma", planted)
	cfg.Proxy = u
	s := send.New(send.WithLookup(cfg, lookup))
	t.Cleanup(s.Close)
	return s
}

// TestPlainListenersPassTheProxy: they are inside, or refused.
func TestPlainListenersPassTheProxy(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	e := newEgress(t, srv.Listener.Addr().String(), false)
	wantStatus(t, through(t, e, send.Config{Guard: allow("127.0.0.0/8")}).Send(t.Context(), request(srv.URL)), http.StatusOK)
	if e.calls() != "" {
		t.Errorf("the proxy was asked for %s", e.calls())
	}
}

func TestSecureProxy(t *testing.T) {
	t.Parallel()
	srv, roots := named(t)
	e := newEgress(t, srv.Listener.Addr().String(), true)
	wantFailure(t, through(t, e, send.Config{RootCAs: roots}).Send(t.Context(), request("https://public.example")), alma.ReasonConnect,
		"TLS with the egress proxy failed; its certificate's root can be added with --ca-file")
	roots.AddCert(e.Certificate())
	wantStatus(t, through(t, e, send.Config{RootCAs: roots}).Send(t.Context(), request("https://public.example")), http.StatusOK)
}

// TestProxyFails names what the proxy did, and never its credentials.
func TestProxyFails(t *testing.T) {
	t.Parallel()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("alma:"+planted))
	answers := func(status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Proxy-Authorization") != want {
				status = http.StatusTeapot
			}
			w.WriteHeader(status)
			return true
		}
	}
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		reason alma.Reason
		text   string
	}{
		{"forbids", answers(http.StatusForbidden), alma.ReasonConnect, "the egress proxy refused the connection: it answered 403"},
		{"wants other credentials", answers(http.StatusProxyAuthRequired), alma.ReasonConnect, "the egress proxy wants credentials; give them in its URL"},
		{"breaks off", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, alma.ReasonConnect, "the egress proxy broke the connection off, or does not speak HTTP"},
		{"says too much", func(w http.ResponseWriter, _ *http.Request) bool {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"+planted)
				c.Close() // Enough.
			}
			return true
		}, alma.ReasonConnect, "the egress proxy sent more than its answer"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, alma.ReasonTimeout, "no complete answer within 50ms: the time ran out while connecting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEgress(t, "127.0.0.1:1", false)
			e.answer = c.answer
			r := request("https://public.example")
			if c.reason == alma.ReasonTimeout {
				r.Timeout = 50 * time.Millisecond
			}
			wantFailure(t, through(t, e, send.Config{}).Send(t.Context(), r), c.reason, c.text)
		})
	}
}

func TestProxyIsAway(t *testing.T) {
	t.Parallel()
	e := newEgress(t, "127.0.0.1:1", false)
	e.Close()
	wantFailure(t, through(t, e, send.Config{}).Send(t.Context(), request("https://public.example")), alma.ReasonConnect, "no connection to the egress proxy")
}

func TestCheckProxy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://proxy.example:3128": "", "https://user:password@proxy.example/": "",
		"socks5://proxy.example": "want http://host:port or https://host:port", "http://": "has no host; want http://host:port",
		"http://proxy.example/path": "has more than a host and a port; want http://host:port",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := send.CheckProxy(u); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}
