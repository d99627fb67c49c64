package send

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/alma-events/alma/internal/netguard"
)

// proxy reaches https listeners through an egress proxy, by CONNECT, so that
// what is said to them stays between the two.
//
// The address guard holds: names are resolved here, every address is judged,
// and the proxy is asked for the address that passed, never for a name that it
// would resolve for itself. Addresses that the operator allowed are inside and
// are reached without the proxy. With resolves set (for networks that cannot
// resolve public names) the proxy is given names, and is then the guard for
// what they resolve to; literal addresses are judged all the same.
type proxy struct {
	addr     string
	tls      *tls.Config // nil for a proxy that is spoken to in the clear.
	auth     string      // The value of Proxy-Authorization; empty for none.
	resolves bool
	guard    *netguard.Guard
	direct   dialFunc // To allowed addresses.
	dial     dialFunc // To the proxy itself, which the operator chose.
	lookup   func(ctx context.Context, host string) ([]netip.Addr, error)
}

// CheckProxy returns what is wrong with the URL of an egress proxy; nil when it
// can be used.
func CheckProxy(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("want http://host:port or https://host:port")
	case u.Hostname() == "":
		return errors.New("has no host; want http://host:port")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("has more than a host and a port; want http://host:port")
	default:
		return nil
	}
}

func newProxy(cfg Config, direct dialFunc) *proxy {
	u := cfg.Proxy
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]
	}
	p := &proxy{
		addr: net.JoinHostPort(u.Hostname(), port), resolves: cfg.ProxyResolves, guard: cfg.Guard, direct: direct,
		dial: (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext, lookup: cfg.lookup,
	}
	if u.Scheme == "https" {
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs, ServerName: u.Hostname()}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		p.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return p
}

func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host) //nolint:wrapcheck // failure puts it into words.
}

// connect opens a connection to host:port through the proxy, or without it.
func (p *proxy) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err //nolint:wrapcheck // failure puts it into words.
	}
	ip, err := netip.ParseAddr(host)
	if err != nil && p.resolves {
		return p.tunnel(ctx, addr)
	}
	candidates := []netip.Addr{ip}
	if err != nil {
		if candidates, err = p.lookup(ctx, host); err != nil {
			return nil, err
		}
	}
	var last error
	for _, ip := range candidates {
		c, err := p.reach(ctx, network, ip.Unmap(), port)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		last = err
	}
	return nil, last
}

// reach connects to an address, if the guard lets it.
func (p *proxy) reach(ctx context.Context, network string, ip netip.Addr, port string) (net.Conn, error) {
	to := net.JoinHostPort(ip.String(), port)
	if p.guard.Allowed(ip) {
		return p.direct(ctx, network, to)
	}
	if err := p.guard.Check(ip); err != nil {
		return nil, err //nolint:wrapcheck // failure puts it into words.
	}
	return p.tunnel(ctx, to)
}

// proxyError says why the proxy made no connection. Its text is our own.
type proxyError struct{ text string }

func (e *proxyError) Error() string { return e.text }

// tunnel asks the proxy for a connection to an address.
func (p *proxy) tunnel(ctx context.Context, to string) (net.Conn, error) {
	c, err := p.dial(ctx, "tcp", p.addr)
	if err != nil {
		return nil, &proxyError{"no connection to the egress proxy"}
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // A closed one is interrupted as well.
	secure, err := p.secure(ctx, c)
	if err == nil {
		err = p.ask(secure, to)
	}
	if !stop() && err == nil {
		err = os.ErrDeadlineExceeded
	}
	if err != nil {
		c.Close() // The error says what was wrong.
		return nil, err
	}
	return secure, nil
}

func (p *proxy) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	if p.tls == nil {
		return c, nil
	}
	secure := tls.Client(c, p.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, &proxyError{"TLS with the egress proxy failed; its certificate's root can be added with --ca-file"}
	}
	return secure, nil
}

// ask speaks CONNECT (RFC 9110, section 9.3.6).
func (p *proxy) ask(c net.Conn, to string) error {
	head := "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n"
	if p.auth != "" {
		head += "Proxy-Authorization: " + p.auth + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return broken(err)
	}
	in := bufio.NewReader(io.LimitReader(c, MaxHeaderBytes))
	resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // The answer to CONNECT has none.
	switch {
	case err != nil:
		return broken(err)
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return &proxyError{"the egress proxy wants credentials; give them in its URL"}
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return &proxyError{fmt.Sprintf("the egress proxy refused the connection: it answered %d", resp.StatusCode)}
	case in.Buffered() > 0:
		return &proxyError{"the egress proxy sent more than its answer"} // A listener speaks second.
	default:
		return nil
	}
}

func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return &proxyError{"the egress proxy broke the connection off, or does not speak HTTP"}
}
