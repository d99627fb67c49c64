package send

import (
	"errors"
	"net/url"
	"sync"
)

// maxURLs bounds the cache. Beyond it the cache starts afresh: cheaper than
// keeping an order of use on the hot path.
const maxURLs = 8192

// urlCache remembers parsed URLs: webhooks send to the same few for ever.
type urlCache struct {
	mu   sync.RWMutex
	urls map[string]*url.URL
}

// The parser's own message quotes the URL, which may hold a secret.
var errURL = errors.New("the URL cannot be used: want an absolute http or https URL without credentials")

func (c *urlCache) parse(raw string) (*url.URL, error) {
	c.mu.RLock()
	u := c.urls[raw]
	c.mu.RUnlock()
	if u != nil {
		return u, nil
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return nil, errURL
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.urls == nil || len(c.urls) >= maxURLs {
		c.urls = make(map[string]*url.URL)
	}
	c.urls[raw] = u
	return u, nil
}
