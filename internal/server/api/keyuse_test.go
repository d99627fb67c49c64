package api_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
)

func TestRateLimitOfAKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	slow := r.post("/v1/keys", map[string]any{"name": "slow", "role": "read", "rate_limit": 0.01}).want(http.StatusCreated)
	if got := slow.number("rate_limit"); got != 0.01 {
		t.Errorf("rate_limit is %v", got)
	}
	key := slow.text("key")
	r.do(key, http.MethodGet, "/v1/events", nil).want(http.StatusOK)
	a := r.do(key, http.MethodGet, "/v1/events", nil).want(http.StatusTooManyRequests)
	if got := a.header.Get("Retry-After"); got != "100" && got != "99" {
		t.Errorf("Retry-After %q, want about 100 s", got)
	}
	r.do(key, http.MethodPost, "/v1/webhooks", nil).want(http.StatusTooManyRequests) // Whatever it may do.
	for range 20 {
		r.get("/v1/events").want(http.StatusOK) // Nobody else is limited.
	}
	for _, bad := range []any{-1, 0.001, 1e9, "fast"} {
		a := r.post("/v1/keys", map[string]any{"name": "n", "role": "read", "rate_limit": bad}).want(http.StatusUnprocessableEntity)
		if !equalSets(a.locations(), []string{"rate_limit"}) {
			t.Errorf("rate_limit %v: faults at %q", bad, a.locations())
		}
	}
}

// TestRateLimitRefills: a key that waits as long as it was told may go on.
func TestRateLimitRefills(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		key := alma.Key{ID: "key_1"}
		use := api.NewKeyUses(2).Of(&key)
		for i := range 2 {
			if d := use.Wait(time.Now()); d != 0 {
				t.Fatalf("request %d has to wait %s", i, d)
			}
		}
		d := use.Wait(time.Now())
		if d != 500*time.Millisecond {
			t.Fatalf("the third request has to wait %s", d)
		}
		time.Sleep(d)
		if d := use.Wait(time.Now()); d != 0 {
			t.Fatalf("after waiting, %s more", d)
		}
	})
}

func TestKeysSayWhenTheyWereUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made := r.post("/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusCreated)
	if made.value("last_used_at") != nil {
		t.Errorf("a new key was used at %v", made.value("last_used_at"))
	}
	before := time.Now().Add(-time.Second)
	r.do(made.text("key"), http.MethodGet, "/v1/events", nil).want(http.StatusOK)
	used := r.lastUsed(made.text("id"))
	if used.Before(before) || used.After(time.Now()) {
		t.Errorf("the key was last used at %s", used)
	}
	r.do(made.text("key"), http.MethodGet, "/v1/events", nil).want(http.StatusOK)
	if again := r.lastUsed(made.text("id")); !again.Equal(used) {
		t.Errorf("a second use within the minute was stored: %s after %s", again, used)
	}
}

func (r *rig) lastUsed(id string) time.Time {
	r.t.Helper()
	for _, item := range r.get("/v1/keys").value("items").([]any) {
		if k := item.(map[string]any); k["id"] == id {
			text, _ := k["last_used_at"].(string)
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				r.t.Fatal(err)
			}
			return at
		}
	}
	r.t.Fatalf("key %s is not listed", id)
	return time.Time{}
}
