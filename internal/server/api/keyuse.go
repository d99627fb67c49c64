package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/session"
)

const (
	// usedEvery is how often the use of a key is stored.
	usedEvery = time.Minute
	// usedTime bounds the storing: a request waits for it once a minute.
	usedTime = time.Second
	// maxUses bounds the memory; only keys that exist have an entry.
	maxUses = 4096
)

// keyUses is what each key does at this node. Its zero value sets no limit.
type keyUses struct {
	limit float64 // Requests a second of a key that has no limit of its own; 0 = none.

	mu   sync.RWMutex
	keys map[string]*keyUse
}

type keyUse struct {
	limiter *rate.Limiter // Nil: without limit.
	stored  atomic.Int64  // When a use was stored last, in Unix nanoseconds.
}

// of returns the entry of a key, and makes it if need be.
func (k *keyUses) of(key *alma.Key) *keyUse {
	k.mu.RLock()
	u := k.keys[key.ID]
	k.mu.RUnlock()
	if u != nil {
		return u
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if u = k.keys[key.ID]; u != nil {
		return u
	}
	if k.keys == nil || len(k.keys) >= maxUses {
		k.keys = map[string]*keyUse{}
	}
	u = &keyUse{limiter: newLimiter(key.RateLimit, k.limit)}
	if !key.LastUsedAt.IsZero() {
		u.stored.Store(key.LastUsedAt.UnixNano())
	}
	k.keys[key.ID] = u
	return u
}

// newLimiter lets a key that was silent make the requests of one second at once.
func newLimiter(own, common float64) *rate.Limiter {
	if own == 0 {
		own = common
	}
	if own == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(own), max(1, int(math.Ceil(own))))
}

// wait returns how long a key has to wait before its next request; 0 when it
// may make it now.
func (u *keyUse) wait(now time.Time) time.Duration {
	if u.limiter == nil {
		return 0
	}
	r := u.limiter.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

// due reports, to one caller a minute, that the use of the key is to be stored.
func (u *keyUse) due(now time.Time) bool {
	stored := u.stored.Load()
	return now.UnixNano()-stored >= int64(usedEvery) && u.stored.CompareAndSwap(stored, now.UnixNano())
}

// use notes that a key is used, and refuses the request when the key makes too
// many of them. A page of the dashboard is one request, however many calls it is
// made from.
func (s *Server) use(c *call) error {
	if session.IsOfPage(c.r.Context()) {
		return nil
	}
	now := time.Now()
	u := s.uses.of(&c.key)
	if delay := u.wait(now); delay > 0 {
		return newProblem(http.StatusTooManyRequests, "this key makes more requests than it may, %s a second; try again later",
			strconv.FormatFloat(float64(u.limiter.Limit()), 'f', -1, 64)).
			with("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
	if u.due(now) {
		s.storeUse(c, now)
	}
	return nil
}

// storeUse keeps a key's time of use. That it cannot is no reason to refuse the
// request: the next minute tries again.
func (s *Server) storeUse(c *call, now time.Time) {
	ctx, cancel := context.WithTimeout(c.r.Context(), usedTime)
	defer cancel()
	if err := s.store.KeyUsed(ctx, c.key.ID, now); err != nil {
		s.logger.DebugContext(ctx, "the use of a key could not be stored", "key_id", c.key.ID, "error", err)
	}
}
