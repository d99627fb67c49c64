package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// What is kept from scrape to scrape does not grow with the webhooks, and holds
// nothing of their settings.
func TestSummaryIsSmall(t *testing.T) {
	t.Parallel()
	var all []webhook.Notable
	for i := range 50 {
		all = append(all, webhook.Notable{
			ID: fmt.Sprint("wh_", i), State: alma.StateActive, URL: "http://not.to.be.kept.example.com/",
			Lag: int64(i), LagTime: time.Duration(100-i) * time.Second, Waiting: 1, InFlight: 2, Health: webhook.Healthy,
		})
	}
	all[3].Health, all[4].Health = webhook.Failing, webhook.Dead
	all[5].Health, all[5].State = webhook.Dead, alma.StatePaused
	s := summarize(&webhook.Overview{States: map[alma.WebhookState]int{alma.StateActive: 49, alma.StatePaused: 1}, Notable: all})
	if len(s.lags) != 20 || cap(s.lags) > 24 || s.lags[0].webhook != "wh_49" || s.lags[19].webhook != "wh_30" {
		t.Errorf("named are %d, from %v on", len(s.lags), s.lags[0])
	}
	if s.rest.events != 29*30/2 || s.rest.age != 99*time.Second {
		t.Errorf("the others lag by %d, %s", s.rest.events, s.rest.age)
	}
	if s.states[alma.StateActive] != 49 || s.states[alma.StatePaused] != 1 || s.failing != 2 || s.open != 1 || s.waiting != 50 || s.flying != 100 {
		t.Errorf("counted %+v", s)
	}
}

// However many webhooks are behind, 20 are named with their lag, and the rest
// are one.
func TestLagIsBounded(t *testing.T) {
	t.Parallel()
	var all []webhook.Notable
	for i := range 500 {
		all = append(all, webhook.Notable{ID: fmt.Sprint("wh_", i), State: alma.StatePaused, Lag: int64(i + 1), LagTime: time.Minute})
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(shown{summarize(&webhook.Overview{Notable: all})})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "alma_webhook_lag_events" {
			continue
		}
		for _, m := range f.GetMetric() {
			seen[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	if len(seen) != 21 || seen["wh_499"] != 500 || seen["wh_480"] != 481 || seen["other"] != 480*481/2 {
		t.Errorf("%d series: %v", len(seen), seen)
	}
}

// shown collects a summary alone.
type shown struct{ summary }

func (shown) Describe(chan<- *prometheus.Desc)      {}
func (s shown) Collect(ch chan<- prometheus.Metric) { s.collect(ch) }
