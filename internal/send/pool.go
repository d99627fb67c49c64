package send

import (
	"sync"
	"time"
)

// pool keeps idle connections, at most a number of them altogether and for
// each address, and none for longer than a time. It may be used concurrently.
// All that lanes send goes through it, so what it does under its lock asks for
// no memory: connections are linked to one another themselves.
type pool struct {
	total, each int
	timeout     time.Duration

	mu     sync.Mutex
	idle   map[string]stack
	all    links
	timer  *time.Timer // Set while there are any.
	closed bool
}

// stack holds the idle connections to one address, the last used on top.
type stack struct {
	top *conn
	n   int
}

func (s *stack) push(c *conn) {
	if c.above, c.below = nil, s.top; s.top != nil {
		s.top.above = c
	}
	s.top = c
	s.n++
}

func (s *stack) remove(c *conn) {
	if c.above == nil {
		s.top = c.below
	} else {
		c.above.below = c.below
	}
	if c.below != nil {
		c.below.above = c.above
	}
	c.above, c.below = nil, nil
	s.n--
}

// links are all idle connections, the last used at the newest end.
type links struct {
	oldest, newest *conn
	n              int
}

func (l *links) add(c *conn) {
	c.older, c.newer = l.newest, nil
	if l.newest == nil {
		l.oldest = c
	} else {
		l.newest.newer = c
	}
	l.newest = c
	l.n++
}

func (l *links) remove(c *conn) {
	if c.older == nil {
		l.oldest = c.newer
	} else {
		c.older.newer = c.newer
	}
	if c.newer == nil {
		l.newest = c.older
	} else {
		c.newer.older = c.older
	}
	c.older, c.newer = nil, nil
	l.n--
}

func newPool(cfg Config) *pool {
	return &pool{total: cfg.MaxIdleConns, each: cfg.MaxIdleConnsPerHost, timeout: cfg.IdleConnTimeout, idle: map[string]stack{}}
}

// get takes the connection to an address that was used last, or nil. Those that
// turn out unusable are closed.
func (p *pool) get(addr string, now time.Time) *conn {
	for {
		c := p.take(addr)
		if c == nil || c.usable(now) {
			return c
		}
		c.Close() // Nothing is lost with it.
	}
}

func (p *pool) take(addr string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.idle[addr].top
	if c != nil {
		p.remove(c)
	}
	return c
}

// put keeps a connection for later, or closes it, or an older one for it.
func (p *pool) put(addr string, c *conn, now time.Time) {
	c.idle, c.kept, c.addr = now, true, addr
	if surplus := p.keep(addr, c); surplus != nil {
		surplus.Close() // Nothing is lost with it.
	}
}

func (p *pool) keep(addr string, c *conn) (surplus *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.idle[addr]
	if p.closed || s.n >= p.each {
		return c
	}
	s.push(c)
	p.idle[addr] = s
	p.all.add(c)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.timeout, p.expire)
	}
	if p.all.n > p.total {
		surplus = p.all.oldest
		p.remove(surplus)
	}
	return surplus
}

// remove takes a connection out of the pool.
func (p *pool) remove(c *conn) {
	p.all.remove(c)
	s := p.idle[c.addr]
	if s.remove(c); s.n == 0 {
		delete(p.idle, c.addr)
		return
	}
	p.idle[c.addr] = s
}

// expire closes what has been idle for too long, and looks again later.
func (p *pool) expire() {
	now := time.Now()
	p.mu.Lock()
	var old []*conn
	wait := time.Duration(0)
	for c := p.all.oldest; c != nil; c = p.all.oldest {
		if wait = p.timeout - now.Sub(c.idle); wait > 0 {
			break
		}
		p.remove(c)
		old = append(old, c)
	}
	p.timer = nil
	if p.all.n > 0 && !p.closed {
		p.timer = time.AfterFunc(wait, p.expire)
	}
	p.mu.Unlock()
	for _, c := range old {
		c.Close() // Nothing is lost with it.
	}
}

// close closes all idle connections; those in use are closed when they are done.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	var all []*conn
	for c := p.all.oldest; c != nil; c = p.all.oldest {
		p.remove(c)
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		c.Close() // Nothing is lost with it.
	}
}
