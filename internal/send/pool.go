package send

import (
	"container/list"
	"slices"
	"sync"
	"time"
)

// pool keeps idle connections, at most a number of them altogether and for
// each address, and none for longer than a time. It may be used concurrently.
type pool struct {
	total, each int
	timeout     time.Duration

	mu     sync.Mutex
	idle   map[string][]*list.Element // By address, the last used at the end.
	all    list.List                  // Of *pooled, the last used at the back.
	timer  *time.Timer                // Set while there are any.
	closed bool
}

type pooled struct {
	*conn
	addr string
}

func newPool(cfg Config) *pool {
	return &pool{total: cfg.MaxIdleConns, each: cfg.MaxIdleConnsPerHost, timeout: cfg.IdleConnTimeout, idle: map[string][]*list.Element{}}
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
	list := p.idle[addr]
	if len(list) == 0 {
		return nil
	}
	return p.remove(list[len(list)-1])
}

// put keeps a connection for later, or closes it, or an older one for it.
func (p *pool) put(addr string, c *conn, now time.Time) {
	c.idle, c.kept = now, true
	if surplus := p.keep(addr, c); surplus != nil {
		surplus.Close() // Nothing is lost with it.
	}
}

func (p *pool) keep(addr string, c *conn) (surplus *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle[addr]) >= p.each {
		return c
	}
	p.idle[addr] = append(p.idle[addr], p.all.PushBack(&pooled{c, addr}))
	if p.timer == nil {
		p.timer = time.AfterFunc(p.timeout, p.expire)
	}
	if p.all.Len() > p.total {
		surplus = p.remove(p.all.Front())
	}
	return surplus
}

// remove takes a connection out of the pool.
func (p *pool) remove(e *list.Element) *conn {
	c := p.all.Remove(e).(*pooled) //nolint:forcetypeassert // Nothing else is put there.
	rest := p.idle[c.addr]
	if last := len(rest) - 1; rest[last] == e {
		rest[last] = nil
		rest = rest[:last]
	} else {
		rest = slices.DeleteFunc(rest, func(x *list.Element) bool { return x == e })
	}
	if len(rest) == 0 {
		delete(p.idle, c.addr)
	} else {
		p.idle[c.addr] = rest
	}
	return c.conn
}

// expire closes what has been idle for too long, and looks again later.
func (p *pool) expire() {
	now := time.Now()
	p.mu.Lock()
	var old []*conn
	wait := time.Duration(0)
	for e := p.all.Front(); e != nil; e = p.all.Front() {
		if wait = p.timeout - now.Sub(e.Value.(*pooled).idle); wait > 0 { //nolint:forcetypeassert // Nothing else is put there.
			break
		}
		old = append(old, p.remove(e))
	}
	p.timer = nil
	if p.all.Len() > 0 && !p.closed {
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
	for e := p.all.Front(); e != nil; e = p.all.Front() {
		all = append(all, p.remove(e))
	}
	p.mu.Unlock()
	for _, c := range all {
		c.Close() // Nothing is lost with it.
	}
}
