package send

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
)

// target is a parsed URL: where a request goes.
type target struct {
	url  *url.URL
	tls  bool
	host string // Without the port, for texts and certificates.
	addr string // Host and port, to connect to; names the pool's connections too.
	line string // Of a request: " /path?query HTTP/1.1", "Host: …".

	// library says that net/http makes the exchanges: the listener speaks
	// HTTP/2, or its name has to be put into ASCII first.
	library atomic.Bool
}

// The parser's own message quotes the URL, which may hold a secret.
var errURL = errors.New("the URL cannot be used: want an absolute http or https URL without credentials")

func newTarget(raw string) (*target, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return nil, errURL
	}
	t := &target{url: u, tls: u.Scheme == "https", host: u.Hostname()}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[t.tls]
	}
	t.addr = net.JoinHostPort(t.host, port)
	t.line = " " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n"
	t.library.Store(!isASCII(u.Host))
	return t, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// maxTargets bounds the cache. Beyond it any one makes room: cheaper than keeping
// an order of use on the hot path. What goes with it is only that its listener
// speaks HTTP/2, which is found out again.
const maxTargets = 32768

// targetCache remembers targets: webhooks send to the same few for ever.
type targetCache struct {
	mu      sync.RWMutex
	targets map[string]*target
}

func (c *targetCache) get(raw string) (*target, error) {
	c.mu.RLock()
	t := c.targets[raw]
	c.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	t, err := newTarget(raw)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.targets == nil {
		c.targets = make(map[string]*target)
	}
	for other := range c.targets {
		if len(c.targets) < maxTargets {
			break
		}
		delete(c.targets, other)
	}
	c.targets[raw] = t
	return t, nil
}
