package send

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// dialFunc opens a connection to an address.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer opens connections to listeners, with TLS over them for https.
type dialer struct {
	tcp dialFunc
	tls *tls.Config // nil for plain connections.

	mu      sync.Mutex
	spare   map[string]net.Conn // Opened, and found to speak HTTP/2.
	wanting map[string]bool     // Hosts that have asked for a client certificate, and there is none.
}

// errHTTP2 says that a listener chose HTTP/2; the connection is kept for it.
var errHTTP2 = errors.New("the listener speaks HTTP/2")

// connect opens a connection that speaks HTTP/1.1.
func (d *dialer) connect(ctx context.Context, t *target) (*conn, error) {
	c, err := d.tcp(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	if d.tls == nil {
		return newConn(c, c), nil
	}
	secure, err := d.handshake(ctx, c, t.host)
	if err != nil {
		return nil, err
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		d.keep(t.addr, secure)
		return nil, errHTTP2
	}
	return newConn(secure, c), nil
}

// handshake makes a connection secure, or closes it.
func (d *dialer) handshake(ctx context.Context, c net.Conn, host string) (*tls.Conn, error) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	cfg := d.tls.Clone()
	cfg.ServerName = host
	d.answerNone(cfg, host)
	secure := tls.Client(c, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close() // The handshake's error says what was wrong.
		return nil, err
	}
	return secure, nil
}

// keep lets the exchange that found HTTP/2 go on over the same connection.
func (d *dialer) keep(addr string, c net.Conn) {
	d.mu.Lock()
	old := d.spare[addr]
	if d.spare == nil {
		d.spare = map[string]net.Conn{}
	}
	d.spare[addr] = c
	d.mu.Unlock()
	if old != nil {
		old.Close() // Nothing is lost with it.
	}
}

func (d *dialer) takeSpare(addr string) net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.spare[addr]
	delete(d.spare, addr)
	return c
}

// dialTLS opens the connections of net/http's transport.
func (d *dialer) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	if c := d.takeSpare(addr); c != nil {
		return c, nil
	}
	c, err := d.tcp(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return d.handshake(ctx, c, host)
}

// close closes connections that nobody came for.
func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for addr, c := range d.spare {
		c.Close() // Nothing is lost with it.
		delete(d.spare, addr)
	}
}

func guarded(control controlFunc) dialFunc {
	return (&net.Dialer{Control: control, KeepAlive: 30 * time.Second}).DialContext
}
