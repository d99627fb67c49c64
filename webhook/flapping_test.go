package webhook_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
)

// flapping is a listener that works for a while and is away for as long, again
// and again. With hangs set it does not answer meanwhile, instead of refusing.
type flapping struct {
	*crossing
	period time.Duration
	hangs  bool
	began  time.Time

	// Guarded by crossing.mu: by event, the answers it got, and the requests that
	// came while the listener was away.
	good map[string]int
	away int
}

func (f *flapping) isAway() bool { return time.Since(f.began)/f.period%2 == 1 }

// ServeHTTP answers for the webhook "flapping"; all others are healthy.
func (f *flapping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/flapping" {
		f.crossing.ServeHTTP(w, r)
		return
	}
	var ev alma.Event
	if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
		return // The sender is gone.
	}
	f.mu.Lock()
	away := f.isAway()
	if away {
		f.away++
	} else {
		f.good[ev.ID]++
	}
	f.mu.Unlock()
	switch {
	case away && f.hangs:
		<-r.Context().Done()
	case away:
		w.WriteHeader(http.StatusBadGateway)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// A listener that comes and goes gets every event once it is there long enough;
// while it is away it is sent little, and no other webhook notices.
func TestAFlappingListener(t *testing.T) {
	for name, c := range map[string]struct {
		period time.Duration
		hangs  bool
		most   int // Requests a minute of absence.
	}{
		"refuses, for seconds": {period: 3 * time.Second, most: 600},
		"refuses, for minutes": {period: 2 * time.Minute, most: 60},
		"hangs, for seconds":   {period: 3 * time.Second, hangs: true, most: 600},
		"hangs, for minutes":   {period: 2 * time.Minute, hangs: true, most: 120},
	} {
		t.Run(name, func(t *testing.T) {
			f := &flapping{period: c.period, hangs: c.hangs, good: map[string]int{}}
			atCrossingOf(t, f, func(t *testing.T, x *crossing) {
				f.crossing, f.began = x, time.Now()
				x.add("flapping", alma.WebhookConfig{Timeout: 2 * time.Second, RetryCount: new(20), RetryDelay: new(time.Second), RetryBackoff: new(1.5)})
				x.add("healthy", alma.WebhookConfig{})
				const each = 3
				seconds := int(max(time.Minute, 2*c.period) / time.Second)
				for range seconds {
					x.emit(append(times(each, "flapping"), times(each, "healthy")...)...)
					time.Sleep(time.Second)
				}
				x.mu.Lock()
				away := f.away
				x.mu.Unlock()
				if minutes := max(1, seconds/60/2); away > c.most*minutes {
					t.Errorf("%d requests in about %d minutes of absence; want at most %d a minute", away, minutes, c.most)
				}
				time.Sleep(10 * time.Minute) // It still flaps.
				synctest.Wait()
				x.mu.Lock()
				got, twice := len(f.good), 0
				for _, n := range f.good {
					if n > 1 {
						twice++
					}
				}
				x.mu.Unlock()
				if got != seconds*each || twice > 0 {
					t.Errorf("%d of %d events arrived, %d of them more than once", got, seconds*each, twice)
				}
				if n, took := x.slowest("healthy"); n != seconds*each || took > 50*time.Millisecond {
					t.Errorf("the healthy webhook beside it got %d of %d events, the slowest after %s", n, seconds*each, took)
				}
			})
		})
	}
}
