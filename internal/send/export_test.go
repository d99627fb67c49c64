package send

import "time"

// Age makes the idle connections of a sender older than they are.
func Age(s *Sender, by time.Duration) {
	for _, side := range []*side{s.tls, s.plain} {
		side.pool.mu.Lock()
		for e := side.pool.all.Front(); e != nil; e = e.Next() {
			c := e.Value.(*pooled)
			c.idle = c.idle.Add(-by)
		}
		side.pool.mu.Unlock()
	}
}
