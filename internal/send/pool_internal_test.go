package send

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// closing is a connection that knows whether it was closed.
type closing struct {
	net.Conn
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// However connections come and go, the pool gives the one to an address that was
// used last, keeps no more than it may, and closes what it gives up.
func TestPoolKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newPool(Config{MaxIdleConns: 5, MaxIdleConnsPerHost: 3, IdleConnTimeout: time.Hour})
		defer p.close()
		var idle []*conn // The last used at the end.
		addr := func() string { return fmt.Sprint("host-", rapid.IntRange(1, 3).Draw(t, "address")) }
		count := func(a string) (n int) {
			for _, c := range idle {
				if c.addr == a {
					n++
				}
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				a, c := addr(), newConn(&closing{}, nil)
				full := count(a) == 3
				p.put(a, c, time.Now())
				if full {
					wantClosed(t, c, true)
					return
				}
				idle = append(idle, c)
				if len(idle) > 5 {
					wantClosed(t, idle[0], true)
					idle = idle[1:]
				}
			},
			"get": func(t *rapid.T) {
				a := addr()
				var want *conn
				if i := lastIndex(idle, a); i >= 0 {
					want = idle[i]
					idle = slices.Delete(idle, i, i+1)
				}
				if got := p.get(a, time.Now()); got != want {
					t.Fatalf("got %p, want %p", got, want)
				}
			},
			"": func(t *rapid.T) {
				if p.all.n != len(idle) {
					t.Fatalf("%d connections are kept, want %d", p.all.n, len(idle))
				}
				for _, c := range idle {
					wantClosed(t, c, false)
				}
				for a, s := range p.idle {
					if s.n == 0 || s.n != count(a) {
						t.Fatalf("%d connections to %s, want %d, and no entry for none", s.n, a, count(a))
					}
				}
			},
		})
		p.close()
		for _, c := range idle {
			wantClosed(t, c, true)
		}
	})
}

func wantClosed(t *rapid.T, c *conn, want bool) {
	if got := c.Conn.(*closing).closed; got != want { // The test makes no others.
		t.Fatalf("closed: %v, want %v", got, want)
	}
}

func lastIndex(list []*conn, addr string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].addr == addr {
			return i
		}
	}
	return -1
}

// The pool stands between all lanes: what it does under its lock asks for no
// memory.
func TestPoolTakesNoMemory(t *testing.T) { //nolint:paralleltest // It counts allocations.
	p := newPool(Config{MaxIdleConns: 5, MaxIdleConnsPerHost: 3, IdleConnTimeout: time.Hour})
	defer p.close()
	c := newConn(&closing{}, nil)
	now := time.Now()
	p.put("host", c, now)
	if n := testing.AllocsPerRun(100, func() { p.put("host", p.get("host", now), now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
