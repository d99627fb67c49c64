package send

import (
	"context"
	"net/netip"
	"time"
)

// WithLookup returns a configuration that resolves names for the proxy so.
func WithLookup(cfg Config, lookup func(ctx context.Context, host string) ([]netip.Addr, error)) Config {
	cfg.lookup = lookup
	return cfg
}

// Age makes the idle connections of a sender older than they are: the deadline
// of their last exchange has passed too.
func Age(s *Sender, by time.Duration) {
	for _, side := range []*side{s.tls, s.plain} {
		side.pool.mu.Lock()
		for c := side.pool.all.oldest; c != nil; c = c.newer {
			c.idle = c.idle.Add(-by)
			c.interrupt()
		}
		side.pool.mu.Unlock()
	}
}
