package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
)

// Each change of a declaration has an entry in the audit log of its own, with
// the thing and what of it was changed; what was kept has none.
func TestDeclarationInTheAuditLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := map[string]any{"name": "analytics", "url": "https://a.example"} // No more is needed.
	hook["secret"] = "a-secret-of-a-webhook"
	body := map[string]any{
		"webhooks": []any{hook}, "sources": []any{map[string]any{"name": "library", "secret": nil, "project_id": "p"}},
		"keys": []any{map[string]any{"name": "ci", "role": "ingest", "key": "a-key-that-is-declared"}},
	}
	r.post("/v1/apply", body).want(http.StatusOK)
	r.post("/v1/apply", body).want(http.StatusOK) // Which changes nothing.
	hook["description"], hook["secret"] = "d", "another-secret-of-it"
	r.post("/v1/apply", body).want(http.StatusOK)
	r.post("/v1/apply", map[string]any{"sources": []any{}, "prune": true}).want(http.StatusOK)
	id := r.get("/v1/webhooks").text("items.0.id")
	key := r.get("/v1/keys").text("items.1.id")
	want := []string{
		"POST /v1/apply: remove source library [] 200",
		"POST /v1/apply: update webhook " + id + " [description secret] 200",
		"POST /v1/apply: create key " + key + " [] 200",
		"POST /v1/apply: create webhook " + id + " [] 200",
		"POST /v1/apply: create source library [] 200",
	}
	if diff := cmp.Diff(want, r.audited(r.admin, "")); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
	if got := r.audited(r.admin, "?project_id=p"); len(got) != 2 {
		t.Errorf("of the project are told: %q", got)
	}
}

// What the config file declares at the start is told as well.
func TestDeclaredAtTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.api.Declare(t.Context(), []byte(`{"sources":[{"name":"library","secret":null}]}`)); err != nil {
		t.Fatal(err)
	}
	a := r.get("/v1/audit?key_id=config_file")
	if len(a.each("id")) != 1 || a.text("items.0.key_name") != "config file" || a.text("items.0.object_id") != "library" || a.text("items.0.address") != "" {
		t.Errorf("the audit log holds %s", a.body)
	}
}

// failingSources fails to make the second source.
type failingSources struct {
	api.Store
	err error
}

func (f failingSources) CreateSource(ctx context.Context, src alma.Source) (alma.Source, error) {
	if src.Name == "second" {
		return src, f.err
	}
	return f.Store.CreateSource(ctx, src)
}

// A declaration that fails in the middle is told up to there.
func TestDeclarationThatFails(t *testing.T) {
	t.Parallel()
	for status, want := range map[int][]string{
		http.StatusInternalServerError: {"POST /v1/apply: create source second [] 500", "POST /v1/apply: create source first [] 200"},
		http.StatusConflict:            {"POST /v1/apply: create source first [] 200"},
	} {
		err := map[int]error{500: errors.New("nobody expected it"), 409: alma.ErrConflict}[status]
		r := newRig(t, func(s api.Store) api.Store { return failingSources{s, err} })
		r.post("/v1/apply", map[string]any{"sources": []any{map[string]any{"name": "first", "secret": nil}, map[string]any{"name": "second", "secret": nil}}}).want(status)
		if got := r.audited(r.admin, ""); !slices.Equal(got, want) {
			t.Errorf("after %d the log holds %q, want %q", status, got, want)
		}
	}
}

func TestDeclaredKeyFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		r.post("/v1/keys", map[string]any{"name": "twice", "role": "read"}).want(http.StatusCreated)
	}
	key := func(name, role, text string) map[string]any {
		return map[string]any{"name": name, "role": role, "key": text}
	}
	for want, keys := range map[string][]any{
		"keys[0].name": {key("twice", "read", "a-key-that-is-declared")},
		"keys[1].key":  {key("a", "read", "a-key-that-is-declared"), key("b", "read", "a-key-that-is-declared")},
		"keys[0].role": {key("first admin key", "read", "a-key-that-is-declared")},
		"keys[0].key":  {key("other", "admin", r.admin)},
	} {
		a := r.post("/v1/apply", map[string]any{"keys": keys}).want(http.StatusUnprocessableEntity)
		if got := a.locations(); !slices.Equal(got, []string{want}) {
			t.Errorf("faults at %q, want %q", got, want)
		}
		for _, fault := range a.value("errors").([]any) {
			if strings.Contains(fmt.Sprint(fault), "a-key-that-is") {
				t.Errorf("a fault tells a key: %v", fault)
			}
		}
	}
	if n := len(r.get("/v1/keys").each("id")); n != 3 {
		t.Errorf("%d keys, want the three of before", n)
	}
	// With another admin key it may lose its rights, and a key may change under its own text.
	r.post("/v1/apply", map[string]any{"keys": []any{key("boss", "admin", "the-key-of-the-boss")}}).want(http.StatusOK)
	with := key("boss", "admin", "the-key-of-the-boss")
	with["rate_limit"] = 1000
	r.post("/v1/apply", map[string]any{"keys": []any{with, key("first admin key", "read", r.admin)}}).want(http.StatusOK)
	r.do("the-key-of-the-boss", http.MethodGet, "/v1/keys", nil).want(http.StatusOK)
	r.get("/v1/keys").want(http.StatusOK)
	r.post("/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusForbidden)
}

// Another secret that is declared holds at once, also during an overlap.
func TestDeclaredSecretEndsAnOverlap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/sources", map[string]any{"name": "library", "secret": "the-first-secret"}).want(http.StatusCreated)
	r.post("/v1/sources/library/rotate-secret", map[string]any{"secret": "the-second-secret", "overlap": 3600}).want(http.StatusOK)
	r.post("/v1/apply", map[string]any{"sources": []any{map[string]any{"name": "library", "secret": "the-third-secret"}}}).want(http.StatusOK)
	if a := r.get("/v1/sources/library"); a.value("former_secret_until") != nil {
		t.Errorf("the former secret is still taken: %s", a.body)
	}
	src, err := r.store.Source(t.Context(), "library")
	if got := src.Secrets(time.Now()); err != nil || !slices.Equal(got, []string{"the-third-secret"}) {
		t.Errorf("taken are %q, %v", got, err)
	}
}
