package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// TestKeySet: listeners find every public key that a delivery may be signed
// with, without a key of their own, and nothing private.
func TestKeySet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const path = "/.well-known/jwks.json"
	if a := r.do("", http.MethodGet, path, nil).want(http.StatusOK); strings.TrimSpace(string(a.body)) != `{"keys":[]}` {
		t.Errorf("without keys: %s", a.body)
	}
	r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "format": "standard"}).want(http.StatusCreated)
	made := r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "format": "standard", "signature": "ed25519"}).want(http.StatusCreated)
	first := made.text("public_key")
	if !strings.HasPrefix(first, "whpk_") || !strings.HasPrefix(made.text("secret"), "whsk_") {
		t.Fatalf("made %s", made.body)
	}
	if shown := r.get("/v1/webhooks/" + made.text("id")).want(http.StatusOK); shown.text("public_key") != first {
		t.Errorf("shown %s", shown.body)
	}
	rotated := r.post("/v1/webhooks/"+made.text("id")+"/rotate-secret", map[string]any{"overlap": 3600}).want(http.StatusOK)
	second := rotated.text("public_key")
	if second == first || !strings.HasPrefix(second, "whpk_") {
		t.Fatalf("rotated %s", rotated.body)
	}
	keys := func(n int) func(*reply) bool { // A set is kept for a second.
		return func(a *reply) bool { return strings.Count(string(a.body), `"kty"`) == n }
	}
	a := r.until(path, keys(2))
	for i, want := range []string{second, first} {
		x, err := base64.RawURLEncoding.DecodeString(a.text("keys." + string(rune('0'+i)) + ".x"))
		if err != nil || len(x) != ed25519.PublicKeySize || "whpk_"+base64.StdEncoding.EncodeToString(x) != want {
			t.Errorf("key %d of %s; want %s", i, a.body, want)
		}
	}
	if strings.Contains(string(a.body), `"d"`) {
		t.Errorf("keys %s; want public ones", a.body)
	}
	r.post("/v1/webhooks/"+made.text("id")+"/rotate-secret", map[string]any{}).want(http.StatusOK)
	r.until(path, keys(1))
}
