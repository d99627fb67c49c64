package send

import (
	"crypto/tls"
	"net"
	"net/http"
	"syscall"
	"time"
)

// newTransport returns a transport for one scheme. There are two of them, each
// with its own dialler, because the guard must know the scheme and a dialler
// does not.
func newTransport(cfg Config, control func(network, address string, c syscall.RawConn) error) *http.Transport {
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Control: control, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		Proxy:       nil, // A proxy would resolve names itself, past the guard.
		DialContext: dial,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            cfg.RootCAs,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		ForceAttemptHTTP2:      true, // A dialler of one's own switches it off otherwise.
		DisableCompression:     true, // The cap counts bytes, so none may unfold into many.
		MaxIdleConns:           cfg.MaxIdleConns,
		MaxIdleConnsPerHost:    cfg.MaxIdleConnsPerHost,
		MaxConnsPerHost:        cfg.MaxConnsPerHost,
		IdleConnTimeout:        cfg.IdleConnTimeout,
		MaxResponseHeaderBytes: MaxHeaderBytes,
		// No timeouts of its parts: one deadline covers the whole exchange.
	}
}
