package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

func TestSourceIsShownWithoutItsSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/sources", map[string]any{"name": "library", "format": "exlibris", "secret": "a-secret-of-both", "project_id": "p", "description": "d"}).want(http.StatusCreated)
	if a.header.Get("Location") != "/v1/sources/library" || a.text("secret") != "a-secret-of-both" {
		t.Errorf("created at %q: %s", a.header.Get("Location"), a.body)
	}
	for _, path := range []string{"/v1/sources/library", "/v1/sources"} {
		a := r.get(path).want(http.StatusOK)
		if text := string(a.body); strings.Contains(text, "a-secret-of") || !strings.Contains(text, `"secret_hint":"both"`) || !strings.Contains(text, `"url":"/in/library"`) {
			t.Errorf("%s shows %s", path, text)
		}
	}
	r.post("/v1/sources", map[string]any{"name": "library"}).want(http.StatusConflict)
	r.do(r.admin, http.MethodDelete, "/v1/sources/library", nil).want(http.StatusNoContent)
	r.get("/v1/sources/library").want(http.StatusNotFound)
}

func TestSourceSecretIsGenerated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/sources", map[string]any{"name": "a"}).want(http.StatusCreated)
	if len(a.text("secret")) < 32 || a.text("format") != "alma" || a.value("signed") != true {
		t.Errorf("answer %s", a.body)
	}
	a = r.post("/v1/sources", map[string]any{"name": "b", "secret": nil}).want(http.StatusCreated)
	if strings.Contains(string(a.body), `"secret"`) || a.value("signed") != false {
		t.Errorf("answer %s", a.body)
	}
}

func TestSourceFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for body, want := range map[string][]string{
		`{}`: {"name"},
		`{"name":"Not Good","format":"nonsense","secret":7,"project_id":"a\u0000","more":1}`: {"more", "secret", "format", "name", "project_id"},
		`{"name":"a","secret":""}`:                       {"secret"},
		`{"name":"a","format":"exlibris","secret":null}`: {"secret"},
	} {
		a := r.post("/v1/sources", body).want(http.StatusUnprocessableEntity)
		got := a.locations()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: faults at %q, want %q", body, got, want)
		}
	}
	r.post("/v1/sources", `{"name":"a","format":"standard","secret":"whpk_AAAA"}`).want(http.StatusUnprocessableEntity)
	r.post("/v1/sources", `{"name":"a","format":"standard","secret":"too-plain"}`).want(http.StatusUnprocessableEntity)
	r.post("/v1/sources", `{"name":"a","format":"standard","secret":"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="}`).want(http.StatusCreated)
	for _, name := range []string{"x%00y", "nobody"} {
		r.get("/v1/sources/" + name).want(http.StatusNotFound)
	}
}

func TestSourceRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/sources", map[string]any{"name": "a", "secret": "the-first-secret"}).want(http.StatusCreated)
	const path = "/v1/sources/a/rotate-secret"
	second := r.post(path, map[string]any{"overlap": 3600}).want(http.StatusOK).text("secret")
	src, err := r.store.Source(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got := src.Secrets(time.Now()); !slices.Equal(got, []string{second, "the-first-secret"}) {
		t.Errorf("secrets %q", got)
	}
	if left := time.Until(src.FormerUntil); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the overlap lasts %v", left)
	}
	r.post(path, map[string]any{"overlap": 60}).want(http.StatusConflict)
	for body, field := range map[string]string{`{"overlap":-1}`: "overlap", `{"overlap":1e9}`: "overlap", `{"secret":"` + second + `"}`: "secret"} {
		if got := r.post(path, body).want(http.StatusUnprocessableEntity).locations(); !slices.Equal(got, []string{field}) {
			t.Errorf("%s: faults at %q", body, got)
		}
	}
	if a := r.post(path, map[string]any{"secret": "the-third-secret"}).want(http.StatusOK); a.text("secret") != "the-third-secret" || a.value("former_secret_until") != nil {
		t.Errorf("answer %s", a.body)
	}
	src, err = r.store.Source(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got := src.Secrets(time.Now()); !slices.Equal(got, []string{"the-third-secret"}) {
		t.Errorf("secrets after a rotation without overlap: %q", got)
	}
}

// TestUnsignedSourceBecomesSigned by a rotation.
func TestUnsignedSourceBecomesSigned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/sources", map[string]any{"name": "a", "secret": nil}).want(http.StatusCreated)
	a := r.post("/v1/sources/a/rotate-secret", map[string]any{"overlap": 60}).want(http.StatusOK)
	if a.value("signed") != true || a.value("former_secret_until") != nil {
		t.Errorf("answer %s", a.body)
	}
}

// TestSourcesOfAProject: a key that is bound to one makes and sees sources of
// that project alone.
func TestSourcesOfAProject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key(alma.RoleAdmin, "mine")
	r.do(mine, http.MethodPost, "/v1/sources", map[string]any{"name": "a", "project_id": "theirs"}).want(http.StatusForbidden)
	if a := r.do(mine, http.MethodPost, "/v1/sources", map[string]any{"name": "a"}).want(http.StatusCreated); a.text("project_id") != "mine" {
		t.Errorf("answer %s", a.body)
	}
	r.post("/v1/sources", map[string]any{"name": "b", "project_id": "theirs"}).want(http.StatusCreated)
	r.post("/v1/sources", map[string]any{"name": "c"}).want(http.StatusCreated)
	for query, want := range map[string][]string{"": {"a", "b", "c"}, "?project_id=theirs": {"b"}, "?limit=2": {"a", "b"}} {
		if got := r.get("/v1/sources" + query).want(http.StatusOK).each("name"); !slices.Equal(got, want) {
			t.Errorf("%q lists %v, want %v", query, got, want)
		}
	}
	if got := r.do(mine, http.MethodGet, "/v1/sources", nil).want(http.StatusOK).each("name"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the project's key sees %v", got)
	}
}
