package api_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/server/session"
)

// signIn begins a session for a key and returns the Cookie header of its
// browser.
func (r *rig) signIn(key string) string {
	return session.CookieName + "=" + r.sessions.Begin(sha256.Sum256([]byte(key)))
}

func TestSessionCookieInsteadOfAKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.key(alma.RoleRead, "mine")
	cookie := r.signIn(key)
	for _, tc := range []struct {
		what    string
		headers []string
		want    int
	}{
		{"a page of this server", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"an address that was typed", []string{"Sec-Fetch-Site", "none"}, 200},
		{"its own origin", []string{"Origin", r.url}, 200},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another host of the same site", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another origin", []string{"Origin", "http://evil.example"}, 403},
		{"an unnamed origin", []string{"Origin", "null"}, 403},
		{"another site, with a key", []string{"Sec-Fetch-Site", "cross-site", "Authorization", "Bearer " + key}, 200},
		{"a wrong key beside it", []string{"Authorization", "Bearer alma_wrong"}, 401},
		{"another way beside it", []string{"Authorization", "Basic YTpi"}, 401},
	} {
		a := r.do("", http.MethodGet, "/v1/session", nil, append(tc.headers, "Cookie", cookie)...)
		if a.status != tc.want {
			t.Errorf("%s: %d, want %d: %s", tc.what, a.status, tc.want, a.body)
		}
	}
	a := r.do("", http.MethodGet, "/v1/session", nil, "Cookie", cookie).want(http.StatusOK)
	if a.text("role") != "read" || a.text("project_id") != "mine" || strings.Contains(string(a.body), key) {
		t.Errorf("session of %s", a.body)
	}
	r.do("", http.MethodPost, "/v1/webhooks", map[string]any{}, "Cookie", cookie).want(http.StatusForbidden)
	r.do("", http.MethodGet, "/v1/events?project_id=theirs", nil, "Cookie", cookie).want(http.StatusForbidden)
	r.do("", http.MethodGet, "/v1/session", nil, "Cookie", session.CookieName+"=wrong").want(http.StatusUnauthorized)

	r.do(r.admin, http.MethodDelete, "/v1/keys/"+a.text("id"), nil).want(http.StatusNoContent)
	r.do("", http.MethodGet, "/v1/session", nil, "Cookie", cookie).want(http.StatusUnauthorized)
}

func TestSessionLinkStandsForTheKeyThatAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.key(alma.RoleIngest, "")
	path := r.do(key, http.MethodPost, "/v1/sessions/link", nil).want(http.StatusCreated).text("path")
	token, ok := strings.CutPrefix(path, "/signin?token=")
	if !ok {
		t.Fatalf("link %q", path)
	}
	if got, ok := r.sessions.Redeem(token); !ok || got != sha256.Sum256([]byte(key)) {
		t.Error("the link is not the key's")
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key(alma.RoleRead, "mine")
	r.hook(nil)
	r.post("/v1/events", event("m", "p")).want(http.StatusAccepted)
	a := r.until("/v1/stats", func(a *reply) bool { return a.number("totals.delivered") == 1 })
	points := a.value("points").([]any)
	if len(points) != 15 || a.number("step") != 60 || a.value("series") != true {
		t.Errorf("a quarter of an hour has %d points of %v s", len(points), a.number("step"))
	}
	if last := points[14].(map[string]any); last["events"] != 1.0 || last["success_rate"] != 1.0 || last["p99_ms"] == nil {
		t.Errorf("the present minute: %v", last)
	}
	if first := points[0].(map[string]any); first["events"] != 0.0 || first["success_rate"] != nil || first["p50_ms"] != nil {
		t.Errorf("a minute without events: %v", first)
	}
	for query, points := range map[string]int{"range=24h": 96, "range=24h&step=3600": 24, "range=7d": 84, "since=2026-01-01T00:00:00Z&until=2026-01-01T00:10:00Z&step=300": 2} {
		a := r.get("/v1/stats?" + query).want(http.StatusOK)
		if len(a.value("points").([]any)) != points {
			t.Errorf("%s: %d points, want %d", query, len(a.value("points").([]any)), points)
		}
	}
	for _, query := range []string{"range=1h", "step=90", "step=x", "range=24h&since=2026-01-01T00:00:00Z", "since=2000-01-01T00:00:00Z", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "range=7d&step=60"} {
		r.get("/v1/stats?" + query).want(http.StatusUnprocessableEntity)
	}
	a = r.do(mine, http.MethodGet, "/v1/stats", nil).want(http.StatusOK)
	if a.value("series") != false || len(a.value("points").([]any)) != 0 || a.number("webhooks") != 0 || a.number("totals.events") != 0 {
		t.Errorf("a key of a project sees figures of all: %s", a.body)
	}
}

// Every node counts all events of the log; what it delivers is its own.
func TestStatsCountEventsOfManyNodesOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	for i, node := range []string{"a", "b", "c"} {
		for minute, events := range []int64{100, 50 + int64(i)} {
			m := alma.StatsMinute{Minute: at.Add(time.Duration(minute) * time.Minute), Node: node, Stats: alma.Stats{
				Events: events, Delivered: 10, Retries: 1, Attempts: map[alma.Reason]int64{"": 10, alma.ReasonDNS: 1},
			}}
			if err := r.store.AddStats(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := r.get("/v1/stats?since=2026-01-01T10:00:00Z&until=2026-01-01T10:05:00Z&step=60").want(http.StatusOK)
	for path, want := range map[string]float64{
		"totals.events": 152, "points.0.events": 100, "points.1.events": 52, "points.2.events": 0,
		"totals.delivered": 60, "points.0.delivered": 30, "totals.retries": 6,
	} {
		if got := a.number(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

func TestStatsNameWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.listener.Answer(almatest.Status(http.StatusGone))
	id := r.hook(map[string]any{"project_id": "p", "description": "gone"})
	r.hook(map[string]any{"active": false})
	r.post("/v1/events", event("m", "p")).want(http.StatusAccepted)
	r.until("/v1/webhooks/"+id, func(a *reply) bool { return a.text("state") == "disabled" })
	a := r.until("/v1/stats", func(a *reply) bool { return a.number("attention.failed_24h") == 1 })
	if a.text("attention.webhooks.0.webhook_id") != id || a.text("attention.webhooks.0.kind") != "disabled" {
		t.Errorf("attention: %s", a.body)
	}
	if items := a.value("attention.webhooks").([]any); len(items) != 1 {
		t.Errorf("a webhook that was paused on purpose needs no attention: %v", items)
	}
	other := r.do(r.key(alma.RoleRead, "other"), http.MethodGet, "/v1/stats", nil).want(http.StatusOK)
	if len(other.value("attention.webhooks").([]any)) != 0 || other.number("attention.failed_24h") != 0 {
		t.Errorf("another project sees %s", other.body)
	}
}
