package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/alma-events/alma/wire"
)

// The former secret signs until the end of the overlap, which is shown.
func TestRotateSecretWithAnOverlap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/v1/webhooks/" + r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "secret": "a-long-enough-secret"}).want(http.StatusCreated).text("id")
	a := r.post(path+"/rotate-secret", map[string]any{"secret": "another-long-secret", "overlap": 3600}).want(http.StatusOK)
	until, err := time.Parse(time.RFC3339, a.text("former_secret_until"))
	if err != nil || time.Until(until) < 50*time.Minute || a.text("secret") != "another-long-secret" || a.text("secret_hint") != "cret" {
		t.Errorf("rotated: %s", a.body)
	}
	signs := func(secret string) {
		t.Helper()
		r.post(path+"/test", nil).want(http.StatusOK)
		all := r.listener.Requests()
		last := all[len(all)-1]
		if err := wire.VerifyAlma(secret, last.Body, last.Header.Get(wire.HeaderSignature)); err != nil {
			t.Errorf("not signed with %s: %v", secret, err)
		}
	}
	signs("a-long-enough-secret")
	r.post(path+"/rotate-secret", map[string]any{"overlap": 1}).want(http.StatusConflict)
	a = r.post(path+"/rotate-secret", map[string]any{"overlap": -1, "secret": 7, "more": 1}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"overlap", "secret", "more"}) {
		t.Errorf("faults at %q", got)
	}
	a = r.post(path+"/rotate-secret", map[string]any{"overlap": "x", "secret": "another-long-secret"}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"overlap", "secret"}) {
		t.Errorf("faults at %q", got)
	}
	version := `"` + strconv.FormatFloat(r.get(path).number("version"), 'f', -1, 64) + `"`
	r.do(r.admin, http.MethodPost, path+"/rotate-secret", map[string]any{"overlap": 1}, "If-Match", version).want(http.StatusConflict)
	r.post(path+"/rotate-secret", map[string]any{"secret": "the-third-secret"}).want(http.StatusOK)
	if r.get(path).value("former_secret_until") != nil {
		t.Error("a rotation without overlap leaves the former secret valid")
	}
	signs("the-third-secret")
}

// A listener that refuses is no fault of the request.
func TestWebhookWaitsForConsent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.listener.Refuse(true)
	a := r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "challenge": true}).want(http.StatusCreated)
	path := "/v1/webhooks/" + a.text("id")
	if a.text("state") != "pending_activation" || a.text("state_reason") != "the listener answered the challenge with 403; want 200" || a.value("consent") != nil {
		t.Errorf("created: %s", a.body)
	}
	r.listener.Refuse(false)
	a = r.post(path+"/activate", nil).want(http.StatusOK)
	if a.text("state") != "active" || a.text("consent.url") != r.listener.URL() || a.text("consent.format") != "alma" {
		t.Errorf("activated: %s", a.body)
	}
	r.listener.Refuse(true)
	a = r.do(r.admin, http.MethodPatch, path, map[string]any{"url": r.listener.URL() + "2"}).want(http.StatusOK)
	if a.text("state") != "pending_activation" {
		t.Errorf("moved: %s", a.body)
	}
}
