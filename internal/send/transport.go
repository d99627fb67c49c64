package send

import (
	"crypto/tls"
	"net/http"
	"syscall"
	"time"
)

type controlFunc = func(network, address string, c syscall.RawConn) error

// side is what is needed to reach listeners of one scheme. There are two, each
// with its own dialler, because the guard must know the scheme and a dialler
// does not; and one more for each client certificate.
type side struct {
	dialer
	pool    *pool
	library *http.Transport // For HTTP/2, and for host names beyond ASCII.
}

func newSide(cfg Config, secure bool, client *Client) *side {
	s := &side{pool: newPool(cfg)}
	s.tcp = dialling(cfg, secure)
	if secure {
		s.tls = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            cfg.RootCAs,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
			NextProtos:         []string{"h2", "http/1.1"},
		}
		if client != nil {
			s.tls.Certificates = []tls.Certificate{client.certificate}
		}
	}
	s.library = newTransport(cfg, s)
	return s
}

// dialling returns what opens connections. Plain ones go to allowed addresses
// alone, and so past the proxy.
func dialling(cfg Config, secure bool) dialFunc {
	switch {
	case cfg.Dial != nil:
		return cfg.Dial
	case !secure:
		return guarded(cfg.Guard.ControlPlain)
	case cfg.Proxy != nil:
		return newProxy(cfg, guarded(cfg.Guard.Control)).connect
	default:
		return guarded(cfg.Guard.Control)
	}
}

// release gives a connection back after an exchange.
func (s *side) release(addr string, c *conn, reusable bool) {
	if reusable {
		s.pool.put(addr, c, time.Now())
		return
	}
	c.Close() // Nothing is lost with it.
}

func (s *side) close() {
	s.pool.close()
	s.dialer.close()
	s.library.CloseIdleConnections()
}

func newTransport(cfg Config, s *side) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // The dialler speaks to one, so that the guard holds.
		DialContext:            s.tcp,
		DialTLSContext:         s.dialTLS,
		ForceAttemptHTTP2:      true, // A dialler of one's own switches it off otherwise.
		DisableCompression:     true, // The cap counts bytes, so none may unfold into many.
		MaxIdleConns:           cfg.MaxIdleConns,
		MaxIdleConnsPerHost:    cfg.MaxIdleConnsPerHost,
		IdleConnTimeout:        cfg.IdleConnTimeout,
		MaxResponseHeaderBytes: MaxHeaderBytes,
		// No timeouts of its parts: one deadline covers the whole exchange.
	}
}
