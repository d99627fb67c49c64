package api_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

func TestWebhookShowsItsSettingsInEffect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/webhooks", map[string]any{"url": r.listener.URL()}).want(http.StatusCreated)
	if !strings.HasPrefix(a.text("id"), "wh_") || len(a.text("secret")) < 32 || a.header.Get("ETag") != `"1"` || a.header.Get("Location") != "/v1/webhooks/"+a.text("id") {
		t.Errorf("answer %v %s", a.header, a.body)
	}
	shown := r.get("/v1/webhooks/" + a.text("id")).want(http.StatusOK)
	want := `{"url":"` + r.listener.URL() + `","events":[],"format":"alma","headers":{},"retry_count":3,"retry_delay":5,"retry_backoff":2,
		"retry_schedule":null,"retry_jitter":0,"agent_filter":[],"project_filter":[],"type_filter":[],"filter":"","timeout":30,"batch_size":1,
		"batch_delay":1,"max_in_flight":64,"rate_limit":null,"ordered":false,"max_age":null,"project_id":"","contacts":[],"bulk_limit":0,
		"disable_after":432000,"content_type":"json","active":true,"description":"","name":"","signed":true,"signature":"hmac-sha256","challenge":false,"client_certificate":"","content_mode":"","omit_null":false,"former_secret_until":null,"state":"active","state_reason":"","lag":0,
		"lag_seconds":0,"health":"healthy","failing_since":null,"waiting":0,"in_flight":0,"expired":0,"erased":0,"lost":0,"filter_errors":0,"filter_error":"","version":1}`
	got, expected := object(t, shown.body), object(t, []byte(want))
	for _, name := range []string{"id", "created_at", "updated_at", "secret_hint"} {
		if got[name] == nil {
			t.Errorf("%s is missing", name)
		}
		delete(got, name)
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("shown\n%v\nwant\n%v", got, expected)
	}
	if secret := a.text("secret"); shown.text("secret_hint") != secret[len(secret)-4:] {
		t.Errorf("hint %q of %q", shown.text("secret_hint"), secret)
	}

	a = r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "secret": nil, "retry_schedule": []float64{0.5, 60}}).want(http.StatusCreated)
	if a.value("retry_count") != nil || a.value("retry_delay") != nil || a.value("retry_backoff") != nil || a.number("retry_schedule.0") != 0.5 || a.value("signed") != false {
		t.Errorf("with a schedule, unsigned: %s", a.body)
	}
	a = r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "secret": "elevenchars"}).want(http.StatusCreated)
	if a.text("secret_hint") != "" || a.text("secret") != "elevenchars" {
		t.Errorf("with a short secret: %s", a.body)
	}
}

func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// What a webhook shows are the settings that it takes, under the same names.
func TestWebhookShowsEverySetting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	shown := object(t, r.get("/v1/webhooks/"+r.hook(nil)).body)
	b, err := json.Marshal(alma.WebhookConfig{ContentType: "json", Format: alma.FormatAlma})
	if err != nil {
		t.Fatal(err)
	}
	for name := range object(t, b) {
		if _, ok := shown[name]; !ok {
			t.Errorf("the setting %s is not shown", name)
		}
	}
}

func TestWebhookFaultsAllAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for body, want := range map[string][]string{
		`{}`: {"url"},
		`[]`: {""},
		`{"url":"https://x.example","retry_cuont":3}`:                                                          {"retry_cuont"},
		`{"url":"nonsense","retry_count":"3","unknown":1,"timeout":900,"events":["created"],"contacts":["x"]}`: {"url", "retry_count", "unknown", "timeout", "events[0]", "contacts[0]"},
		`{"url":"https://x.example","retry_count":1,"retry_schedule":[5]}`:                                     {"retry_schedule"},
		`{"url":"https://x.example","filter":"event.nonsense ("}`:                                              {"filter"},
		`{"url":"https://x.example","format":"nonsense"}`:                                                      {"format"},
		`{"url":"http://10.0.0.1/"}`:                                                                           {"url"},
		`{"url":"https://user:geheim@x.example/"}`:                                                             {"url"},
	} {
		a := r.do(r.admin, http.MethodPost, "/v1/webhooks", body).want(http.StatusUnprocessableEntity)
		if got := a.locations(); !equalSets(got, want) {
			t.Errorf("%s: faults at %q, want %q", body, got, want)
		}
		if strings.Contains(string(a.body), "geheim") {
			t.Errorf("the answer repeats a password: %s", a.body)
		}
	}
	if got := r.get("/v1/webhooks").each("id"); len(got) != 0 {
		t.Errorf("refused webhooks are there: %v", got)
	}
}

func TestPatchWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.hook(map[string]any{"secret": "a-long-enough-secret", "retry_count": 7, "headers": map[string]string{"X-A": "one", "X-B": "two"}, "description": "d"})
	path := "/v1/webhooks/" + id
	steps := []struct {
		patch string
		want  map[string]any
	}{
		{`{}`, map[string]any{"retry_count": 7.0, "description": "d"}},
		{`{"description":"e","events":["CREATED"]}`, map[string]any{"retry_count": 7.0, "description": "e", "events": []any{"CREATED"}}},
		{`{"retry_count":null,"events":null}`, map[string]any{"retry_count": 3.0, "events": []any{}}},
		{`{"retry_schedule":[1,2]}`, map[string]any{"retry_count": nil, "retry_schedule": []any{1.0, 2.0}}},
		{`{"retry_delay":9}`, map[string]any{"retry_delay": 9.0, "retry_schedule": nil, "retry_count": 3.0}},
		{`{"headers":{"X-A":"********","X-B":null,"X-C":"three"}}`, map[string]any{"headers": map[string]any{"X-A": "********", "X-C": "********"}}},
		{`{"active":false}`, map[string]any{"state": "paused", "active": false}},
		{`{"active":true}`, map[string]any{"state": "active", "active": true}},
		{`{"secret":"another-long-secret"}`, map[string]any{"secret_hint": "cret", "signed": true}},
		{`{"secret":null}`, map[string]any{"secret_hint": "", "signed": false}},
		{`{"description":"f"}`, map[string]any{"signed": false}},
	}
	for _, step := range steps {
		got := object(t, r.do(r.admin, http.MethodPatch, path, step.patch).want(http.StatusOK).body)
		for name, want := range step.want {
			if !reflect.DeepEqual(got[name], want) {
				t.Errorf("after %s, %s is %v, want %v", step.patch, name, got[name], want)
			}
		}
		if got["secret"] != nil {
			t.Errorf("after %s the answer holds the secret", step.patch)
		}
	}
	r.post("/v1/events", event("m", "")).want(http.StatusAccepted)
	header := r.listener.Wait(t.Context(), 1)[0].Header
	if header.Get("X-A") != "one" || header.Get("X-B") != "" || header.Get("X-C") != "three" || header.Get("X-Alma-Signature") != "" {
		t.Errorf("sent %v", header)
	}
	a := r.do(r.admin, http.MethodPatch, path, `{"urll":"x","timeout":900,"retry_count":"x","id":"wh_x"}`).want(http.StatusUnprocessableEntity)
	if got, want := a.locations(), []string{"urll", "timeout", "retry_count", "id"}; !equalSets(got, want) {
		t.Errorf("faults at %q, want %q", got, want)
	}
	r.do(r.admin, http.MethodPatch, path, `[]`).want(http.StatusUnprocessableEntity)
	r.do(r.admin, http.MethodPatch, "/v1/webhooks/wh_unknown", `{}`).want(http.StatusNotFound)
}

func TestWebhookActions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "secret": "a-long-enough-secret"}).want(http.StatusCreated)
	path := "/v1/webhooks/" + a.text("id")
	for _, step := range []struct{ action, state string }{{"pause", "paused"}, {"resume", "active"}, {"pause", "paused"}, {"activate", "active"}, {"activate", "active"}} {
		if got := r.post(path+"/"+step.action, nil).want(http.StatusOK).text("state"); got != step.state {
			t.Errorf("%s: state %s, want %s", step.action, got, step.state)
		}
	}
	rotated := r.post(path+"/rotate-secret", nil).want(http.StatusOK)
	if got := rotated.text("secret"); got == "a-long-enough-secret" || !strings.HasSuffix(got, rotated.text("secret_hint")) {
		t.Errorf("rotated: %s", rotated.body)
	}
	if r.get(path).value("secret") != nil {
		t.Error("the new secret is shown again")
	}

	a = r.post(path+"/test", nil).want(http.StatusOK)
	if a.number("status_code") != 204 || a.text("reason") != "" || a.number("number") != 1 || a.number("duration_ms") <= 0 {
		t.Errorf("test answered %s", a.body)
	}
	r.listener.FailTimes(1, 500)
	if a = r.post(path+"/test", nil).want(http.StatusOK); a.number("status_code") != 500 || a.text("reason") != "status_5xx" {
		t.Errorf("test of a failing listener answered %s", a.body)
	}
	r.listener.Close()
	if a = r.post(path+"/test", nil).want(http.StatusOK); a.value("status_code") != nil || a.text("reason") == "" || a.text("error") == "" {
		t.Errorf("test of a dead listener answered %s", a.body)
	}
	r.do(r.admin, http.MethodDelete, path, nil).want(http.StatusNoContent)
	for _, action := range []string{"activate", "pause", "resume", "test", "rotate-secret"} {
		r.post(path+"/"+action, nil).want(http.StatusNotFound)
	}
}

func TestWebhookLag(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.hook(map[string]any{"active": false})
	for range 3 {
		r.post("/v1/events", event("m", "")).want(http.StatusAccepted)
	}
	if a := r.get("/v1/webhooks/" + id); a.number("lag") != 3 || a.number("lag_seconds") <= 0 || a.text("state") != "paused" {
		t.Errorf("shown %s", a.body)
	}
}

func TestListWebhooks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.hook(nil), r.hook(map[string]any{"project_id": "p"})
	if got := r.get("/v1/webhooks").each("id"); !slices.Equal(got, []string{a, b}) {
		t.Errorf("listed %v, want %v, the oldest first", got, []string{a, b})
	}
	if got := r.get("/v1/webhooks?project_id=p").each("id"); !slices.Equal(got, []string{b}) {
		t.Errorf("of project p %v, want %v", got, []string{b})
	}
	r.get("/v1/webhooks?after=nonsense").want(http.StatusUnprocessableEntity)
}
