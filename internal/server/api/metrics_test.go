package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
)

// The figures of a scrape follow what was done; their number does not grow
// with paths or ids.
func TestMetrics(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "retry_count": 0}).want(http.StatusCreated).text("id")
	r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "active": false}).want(http.StatusCreated)
	r.listener.Next(almatest.Status(http.StatusServiceUnavailable))
	r.post("/v1/events", event("m1", "p")).want(http.StatusAccepted)
	r.listener.Wait(t.Context(), 1)
	r.post("/v1/events", event("m2", "p")).want(http.StatusAccepted)
	r.listener.Wait(t.Context(), 2)
	r.get("/v1/webhooks/" + id).want(http.StatusOK)
	r.get("/v1/webhooks/wh_unknown").want(http.StatusNotFound)
	wanted := []string{
		`alma_events_total 2`, `alma_deliveries_total{result="delivered"} 1`, `alma_deliveries_total{result="failed"} 1`,
		`alma_delivery_attempts_total{reason="none"} 1`, `alma_delivery_attempts_total{reason="status_5xx"} 1`,
		`alma_delivery_attempt_duration_seconds_count 2`, `alma_delivery_latency_seconds_count 1`,
		`alma_webhooks{state="active"} 1`, `alma_webhooks{state="paused"} 1`, `alma_webhook_breakers_open 0`, `alma_up 1`, `alma_store_read_success 1`,
		`alma_notices_queued 0`, `alma_http_requests_total{method="POST",route="/v1/events",status="202"} 2`,
		`alma_http_requests_total{method="GET",route="/v1/webhooks/{id}",status="404"} 1`, `alma_build_info{version="test"} 1`, `go_goroutines `,
	}
	// The last outcome may be counted a moment after the listener has answered.
	text := string(r.until("/metrics", func(a *reply) bool {
		return strings.Contains(string(a.body), wanted[1]) && strings.Contains(string(a.body), wanted[2])
	}).body)
	for _, line := range wanted {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("the metrics lack %q", line)
		}
	}
	if lag := regexp.MustCompile(`alma_webhook_lag_events\{webhook="(wh_\w+|other)"\} \d`); len(lag.FindAllString(text, -1)) < 2 {
		t.Errorf("the lag of the paused webhook is not told:\n%s", text)
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestMetricsAreThoseOfAllProjects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do(r.key(alma.RoleRead, "p"), http.MethodGet, "/metrics", nil).want(http.StatusForbidden)
}
