package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/", "/v1", "/v1/nonsense", "/v1/events/", "/v1/webhooks/x/nonsense", "/metricsx"} {
		r.get(path).want(http.StatusNotFound)
	}
	for call, allow := range map[string]string{
		"DELETE /v1/events":          "GET, POST",
		"PUT /v1/memories/x":         "GET, PATCH, DELETE",
		"GET /v1/webhooks/x/pause":   "POST",
		"POST /healthz":              "GET",
		"OPTIONS /v1/keys":           "GET, POST",
		"DELETE /v1/events/stream":   "GET",
		"GET /v1/deliveries/x/retry": "POST",
	} {
		method, path, _ := strings.Cut(call, " ")
		if got := r.do(r.admin, method, path, nil).want(http.StatusMethodNotAllowed).header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", call, got, allow)
		}
	}
}

func TestContentRules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.post("/v1/memories", heuristic("s", "")).text("id")
	hook := r.hook(nil)
	for _, call := range []string{
		"POST /v1/events", "POST /v1/memories", "POST /v1/memories/retrieve", "POST /v1/memories/consolidate",
		"PATCH /v1/memories/" + id, "POST /v1/webhooks", "PATCH /v1/webhooks/" + hook, "POST /v1/keys",
	} {
		method, path, _ := strings.Cut(call, " ")
		for _, media := range []string{"text/plain", "application/xml", "nonsense;;", "application/json; charset=latin1"} {
			r.do(r.admin, method, path, "{}", "Content-Type", media).want(http.StatusUnsupportedMediaType)
		}
		r.do(r.admin, method, path, "{}", "Content-Encoding", "gzip").want(http.StatusUnsupportedMediaType)
		large := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
		r.do(r.admin, method, path, large).want(http.StatusRequestEntityTooLarge)
		for _, body := range []string{"", "{", "{}{}", "nonsense", "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}"} {
			r.do(r.admin, method, path, body).want(http.StatusUnprocessableEntity)
		}
		for _, body := range []string{"7", `"text"`, "null", "true", strings.Repeat("[", 103) + strings.Repeat("]", 103)} {
			if a := r.do(r.admin, method, path, body).want(http.StatusUnprocessableEntity); len(a.locations()) != 1 {
				t.Errorf("%s with %.10s…: %s", call, body, a.body)
			}
		}
		if a := r.do(r.admin, method, path, `{"unheard_of":"v4lue"}`).want(http.StatusUnprocessableEntity); !slices.Contains(a.locations(), "unheard_of") || strings.Contains(string(a.body), "v4lue") {
			t.Errorf("%s: %s", call, a.body)
		}
	}
}

// curl -d and others say this of any body when they are not told what it is.
func TestBodyOfUnsaidTypeIsJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, media := range []string{"", "application/x-www-form-urlencoded", "application/vnd.x+json", "application/json; charset=UTF-8"} {
		r.do(r.admin, http.MethodPost, "/v1/events", event("m", ""), "Content-Type", media).want(http.StatusAccepted)
	}
}

// A chunked body announces no length; the cap holds all the same.
func TestCapOnChunkedBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := struct{ *bytes.Reader }{bytes.NewReader(bytes.Repeat([]byte("[1,"), 3<<20))} // A type of unknown length.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/v1/events", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.admin)
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/healthz", "/v1/events", "/v1/events/unknown", "/nonsense"} {
		a := r.do(r.admin, http.MethodGet, path, nil, "X-Request-Id", "mine-1.2_3")
		if a.header.Get("X-Request-Id") != "mine-1.2_3" || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, a.header)
		}
		if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s is open to other origins: %s", path, got)
		}
	}
	for _, bad := range []string{"", "with space", "x\"y", strings.Repeat("x", 129)} {
		if got := r.do("", http.MethodGet, "/healthz", nil, "X-Request-Id", bad).header.Get("X-Request-Id"); got == bad || len(got) < 10 {
			t.Errorf("the id %q became %q", bad, got)
		}
	}
}

// brokenStore fails as it is told when events are listed.
type brokenStore struct {
	api.Store
	fail func() error
}

func (b *brokenStore) FindEvents(context.Context, alma.EventQuery) (alma.Page[alma.Event], error) {
	return alma.Page[alma.Event]{}, b.fail()
}

func (b *brokenStore) Horizon(context.Context) (alma.Position, error) {
	return alma.Position{}, b.fail()
}

func TestWhatTheStoreFailsWith(t *testing.T) {
	t.Parallel()
	broken := &brokenStore{}
	r := newRig(t, func(s api.Store) api.Store { broken.Store = s; return broken })
	r.described = nil // No store fails a listing with all of these.
	const inner = "table s3cret_table is missing"
	for _, tc := range []struct {
		err    error
		status int
		retry  string
	}{
		{alma.ErrUnavailable, 503, "1"},
		{alma.ErrClosed, 503, "1"},
		{context.Canceled, 503, "1"},
		{alma.ErrLowDisk, 507, ""},
		{alma.ErrNotFound, 404, ""},
		{errors.New("nobody expected it"), 500, ""},
	} {
		broken.fail = func() error { return fmt.Errorf("%s: %w", inner, tc.err) }
		a := r.get("/v1/events").want(tc.status)
		if got := a.header.Get("Retry-After"); got != tc.retry {
			t.Errorf("%v: Retry-After %q, want %q", tc.err, got, tc.retry)
		}
		if strings.Contains(string(a.body), "s3cret_table") {
			t.Errorf("%v: the answer tells what is inside: %s", tc.err, a.body)
		}
		if tc.status == 500 && (a.text("request_id") != a.header.Get("X-Request-Id") || !strings.Contains(r.logs.String(), a.text("request_id"))) {
			t.Errorf("the failure cannot be found in the log by %s", a.body)
		}
		r.do("", http.MethodGet, "/readyz", nil).want(http.StatusServiceUnavailable)
	}
}

func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	broken := &brokenStore{fail: func() error { panic("p4nic") }}
	r := newRig(t, func(s api.Store) api.Store { broken.Store = s; return broken })
	a := r.get("/v1/events").want(http.StatusInternalServerError)
	if strings.Contains(string(a.body), "p4nic") || !strings.Contains(r.logs.String(), "p4nic") || !strings.Contains(r.logs.String(), a.text("request_id")) {
		t.Errorf("answer %s, log\n%s", a.body, r.logs)
	}
	if figures := string(r.get("/metrics").body); !strings.Contains(figures, `{method="GET",route="/v1/events",status="500"} 1`) || strings.Contains(figures, `status="0"`) {
		t.Error("the metrics do not count it as 500")
	}
	r.get("/v1/keys").want(http.StatusOK)
}

func TestClosedManager(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.manager.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.post("/v1/events", event("m", "")).want(http.StatusServiceUnavailable).header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if a := r.do("", http.MethodGet, "/healthz", nil).want(http.StatusOK); a.text("status") != "ok" {
		t.Errorf("answer %s", a.body)
	}
	if a := r.do("", http.MethodGet, "/readyz", nil).want(http.StatusOK); a.text("status") != "ready" {
		t.Errorf("answer %s", a.body)
	}
}

// Planted secrets may come back in the two answers that are made for them, and
// nowhere else.
func TestNoSecretComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const secret, token = "pl4nted-secret-of-a-webhook", "pl4nted-token-of-a-listener"
	r.listener.FailTimes(1, 500)
	settings := map[string]any{"secret": secret, "retry_count": 0, "headers": map[string]string{"Authorization": "Bearer " + token}}
	settings["url"] = r.listener.URL()
	created := r.post("/v1/webhooks", settings).want(http.StatusCreated)
	if created.text("secret") != secret {
		t.Errorf("the answer to POST shows the secret %q", created.text("secret"))
	}
	hook := "/v1/webhooks/" + created.text("id")
	event := r.post("/v1/events", event("m", "")).text("event_ids.0")
	failed := r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == 1 })
	key := r.key(alma.RoleRead, "")

	answers := []*reply{
		r.get(hook), r.get("/v1/webhooks"), r.do(r.admin, http.MethodPatch, hook, `{"description":"d"}`),
		r.do(r.admin, http.MethodPatch, hook, map[string]any{"secret": []string{secret}, "headers": token}),
		r.do(r.admin, http.MethodPatch, hook, map[string]any{"secret": strings.Repeat(secret, 99), "url": "https://u:" + token + "@x.example"}),
		r.post("/v1/webhooks", map[string]any{"secret": []string{secret}, "headers": map[string]any{"Host": token, "X-A": []string{token}}}),
		r.post(hook+"/pause", nil), r.post(hook+"/resume", nil), r.post(hook+"/test", nil),
		r.get("/v1/deliveries"), r.get("/v1/deliveries/" + failed.text("items.0.id")), r.post("/v1/deliveries/"+failed.text("items.0.id")+"/retry", nil),
		r.get("/v1/events"), r.get("/v1/events/" + event), r.get("/v1/keys"), r.get("/openapi.json"),
		r.do(key+"x", http.MethodGet, "/v1/keys", nil), r.post("/v1/events", map[string]any{token: secret, "event_type": []string{key}}),
	}
	for _, a := range answers {
		for _, s := range []string{secret, token, key, r.admin} {
			if strings.Contains(string(a.body), s) && !strings.Contains(string(a.body), `"location":"`+token) {
				t.Errorf("%s answered with a secret: %s", a.call, a.body)
			}
		}
	}
	rotated := r.post(hook+"/rotate-secret", nil).want(http.StatusOK).text("secret")
	for _, s := range []string{secret, token, key, r.admin, rotated} {
		if strings.Contains(r.logs.String(), s) {
			t.Errorf("the log holds the secret %s", s)
		}
	}
}

// What does not exist is answered with the call that tells what does.
func TestNotFoundSaysWhereToLook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for call := range calls {
		method, path, _ := strings.Cut(call, " ")
		if !strings.Contains(path, "{id}") {
			continue
		}
		list := "GET /v1/" + strings.Split(path, "/")[2] + " "
		body := any(nil)
		if method == http.MethodPatch {
			body = map[string]any{}
		}
		if a := r.do(r.admin, method, strings.ReplaceAll(path, "{id}", "nobody"), body).want(http.StatusNotFound); !strings.Contains(a.text("detail")+" ", list) {
			t.Errorf("%s: %q does not name %s", call, a.text("detail"), list)
		}
	}
}

// No page of another origin may read an answer, whatever it asks in which way.
func TestNoAnswerIsOpenToOtherOrigins(t *testing.T) {
	t.Parallel()
	r := newInboundRig(t)
	paths := []string{"/nonsense", "/in/nobody"}
	for call := range calls {
		_, path, _ := strings.Cut(call, " ")
		paths = append(paths, strings.ReplaceAll(path, "{id}", "nobody"))
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if strings.HasSuffix(path, "/stream") {
			path += "?after=!"
		}
		for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost, http.MethodDelete} {
			for _, key := range []string{r.admin, ""} {
				a := r.do(key, method, path, nil, "Origin", "https://elsewhere.example",
					"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
				for name := range a.header {
					if strings.HasPrefix(name, "Access-Control") {
						t.Errorf("%s is answered with the header %s", a.call, name)
					}
				}
			}
		}
	}
}
