package lane

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/alma-events/alma"
)

// pressure adapts the number of concurrent requests to what a listener bears:
// it begins with two, goes on with a few when there was an answer, grows by one
// with each success and halves on a timeout. A listener that hangs soon occupies
// one request at a time.
type pressure struct {
	allowed int // 0 until there was an answer.
	// doubtful says that the last that was heard of the listener is a timeout, or
	// nothing yet. Such lanes together get no more than Node.Doubtful.
	doubtful atomic.Bool
}

const (
	unknownWindow = 2 // Until there was an answer.
	firstWindow   = 8 // When there was one.
)

func (p *pressure) current(limit int) int {
	if p.allowed == 0 {
		return min(unknownWindow, limit)
	}
	return min(p.allowed, limit)
}

func (p *pressure) observe(reason alma.Reason, limit int) {
	switch {
	case reason == alma.ReasonTimeout:
		p.allowed = max(1, p.current(limit)/2)
		p.doubtful.Store(true)
	case !answered(reason):
	case p.allowed == 0:
		p.allowed = firstWindow
		p.doubtful.Store(false)
	case reason == "":
		p.allowed = min(p.current(limit)+1, limit)
		p.doubtful.Store(false)
	default:
		p.doubtful.Store(false)
	}
}

// answered reports whether an attempt that ended for a reason heard from the
// listener.
func answered(reason alma.Reason) bool {
	switch reason {
	case alma.ReasonTimeout, alma.ReasonDNS, alma.ReasonConnect, alma.ReasonTLS, alma.ReasonBlockedAddress, alma.ReasonEncode:
		return false
	default:
		return true
	}
}

// throttle holds a lane to its requests per second. The requests are spread
// evenly: a burst is at most what 10 ms bring.
type throttle struct {
	limiter *rate.Limiter // nil: no limit.
}

func (t *throttle) set(perSecond float64) {
	switch {
	case perSecond <= 0:
		t.limiter = nil
	case t.limiter == nil:
		t.limiter = rate.NewLimiter(rate.Limit(perSecond), throttleBurst(perSecond))
	case t.limiter.Limit() != rate.Limit(perSecond):
		t.limiter.SetLimit(rate.Limit(perSecond))
		t.limiter.SetBurst(throttleBurst(perSecond))
	}
}

func throttleBurst(perSecond float64) int { return max(1, int(perSecond/100)) }

// wait returns how long until the next request may start; 0 for now.
func (t *throttle) wait(now time.Time) time.Duration {
	if t.limiter == nil {
		return 0
	}
	missing := 1 - t.limiter.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Microsecond, time.Duration(missing/float64(t.limiter.Limit())*float64(time.Second)))
}

func (t *throttle) spend(now time.Time) {
	if t.limiter != nil {
		t.limiter.AllowN(now, 1)
	}
}
