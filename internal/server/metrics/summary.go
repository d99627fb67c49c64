package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// lagging is how many webhooks are named with their lag.
const lagging = 20

// summary is what is kept of all webhooks from scrape to scrape: numbers, and
// neither settings nor secrets, however many webhooks there are.
type summary struct {
	states                         map[alma.WebhookState]int
	open, failing, waiting, flying int
	lags                           []lag // The greatest, at most lagging.
	rest                           lag   // All others together; how long is the longest.
}

type lag struct {
	webhook string
	events  int64
	age     time.Duration
}

func summarize(o *webhook.Overview) summary {
	s := summary{states: map[alma.WebhookState]int{alma.StateActive: 0, alma.StatePaused: 0, alma.StatePending: 0, alma.StateDisabled: 0}}
	maps.Copy(s.states, o.States)
	var behind []lag
	for i := range o.Notable {
		w := &o.Notable[i]
		s.waiting += w.Waiting
		s.flying += w.InFlight
		if w.State == alma.StateActive && w.Health != webhook.Healthy {
			s.failing++
			if w.Health == webhook.Dead {
				s.open++
			}
		}
		if w.Lag > 0 {
			behind = append(behind, lag{w.ID, w.Lag, w.LagTime})
		}
	}
	slices.SortFunc(behind, func(a, b lag) int { return cmp.Compare(b.events, a.events) })
	for _, l := range behind[min(lagging, len(behind)):] {
		s.rest.events += l.events
		s.rest.age = max(s.rest.age, l.age)
	}
	s.lags = slices.Clone(behind[:min(lagging, len(behind))])
	return s
}

func (s *summary) collect(ch chan<- prometheus.Metric) {
	for state, n := range s.states {
		gauge(ch, webhooksByState, float64(n), string(state))
	}
	gauge(ch, openBreakers, float64(s.open))
	gauge(ch, failingWebhooks, float64(s.failing))
	gauge(ch, retriesWaiting, float64(s.waiting))
	gauge(ch, inFlight, float64(s.flying))
	for _, l := range s.lags {
		gauge(ch, lagEvents, float64(l.events), l.webhook)
		gauge(ch, lagSeconds, l.age.Seconds(), l.webhook)
	}
	gauge(ch, lagEvents, float64(s.rest.events), "other")
	gauge(ch, lagSeconds, s.rest.age.Seconds(), "other")
}
