package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

// What GET answers can be changed in one member and sent back as a whole.
func TestPatchTakesAWholeAnswerBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/v1/webhooks/" + r.hook(map[string]any{"secret": "a-long-enough-secret", "headers": map[string]string{"X-A": "one"}, "retry_schedule": []float64{1, 2}, "project_id": "p"})
	whole := object(t, r.get(path).body)
	whole["description"], whole["lag"], whole["health"] = "changed", 99, "dead" // The last two change by themselves.
	a := r.do(r.admin, http.MethodPatch, path, whole).want(http.StatusOK)
	if a.text("description") != "changed" || a.text("secret_hint") != "cret" || a.number("retry_schedule.1") != 2 || a.number("version") != 2 {
		t.Errorf("answer %s", a.body)
	}
	r.post("/v1/events", event("m", "p")).want(http.StatusAccepted)
	if header := r.listener.Wait(t.Context(), 1)[0].Header; header.Get("X-A") != "one" || header.Get("X-Alma-Signature") == "" {
		t.Errorf("sent %v; want the stored header and a signature", header)
	}

	path = "/v1/memories/" + r.post("/v1/memories", heuristic("s", "p")).text("id")
	whole = object(t, r.get(path).body)
	whole["data"] = map[string]any{"strategy": "t"}
	a = r.do(r.admin, http.MethodPatch, path, whole).want(http.StatusOK)
	if a.text("data.strategy") != "t" || a.number("data.confidence") != 0.5 || a.number("version") != 2 {
		t.Errorf("answer %s", a.body)
	}
}

// The version in a body that is sent back is as good as If-Match.
func TestPatchWithAStaleVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := "/v1/webhooks/" + r.hook(nil)
	memory := "/v1/memories/" + r.post("/v1/memories", heuristic("s", "")).text("id")
	for path, change := range map[string]string{hook: `"description":"d"`, memory: `"data":{"strategy":"t"}`} {
		r.do(r.admin, http.MethodPatch, path, `{"version":1,`+change+`}`).want(http.StatusOK)
		for _, version := range []string{"1", "3", "0", "null", `"2"`} {
			r.do(r.admin, http.MethodPatch, path, `{"version":`+version+`,`+change+`}`).want(http.StatusPreconditionFailed)
		}
		r.do(r.admin, http.MethodPatch, path, `{"version":1,`+change+`}`, "If-Match", "*").want(http.StatusOK)
		r.do(r.admin, http.MethodPatch, path, `{"version":1,`+change+`}`, "If-Match", `"3"`).want(http.StatusOK)
	}
}

func TestPatchOfReadOnlyMembers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := "/v1/webhooks/" + r.hook(nil)
	memory := "/v1/memories/" + r.post("/v1/memories", heuristic("s", "p")).text("id")
	for _, tc := range []struct {
		path, body string
		want       []string
	}{
		{hook, `{"id":"wh_x","state":"paused","signed":false,"timeout":900}`, []string{"id", "state", "signed", "timeout"}},
		{hook, `{"state":null,"id":7}`, []string{"state", "id"}},
		{hook, `{"typo":null,"description":"d"}`, []string{"typo"}},
		{hook, `{"headers":{"X-A":"********"}}`, []string{"headers.X-A"}},
		{memory, `{"id":"x","memory_type":"outcome","agent":"b","project_id":"q","data":{}}`, []string{"id", "memory_type", "agent", "project_id"}},
		{memory, `{"typo":null,"data":{}}`, []string{"typo"}},
	} {
		a := r.do(r.admin, http.MethodPatch, tc.path, tc.body).want(http.StatusUnprocessableEntity)
		if got := a.locations(); !equalSets(got, tc.want) {
			t.Errorf("%s: faults at %q, want %q", tc.body, got, tc.want)
		}
	}
	for _, path := range []string{hook, memory} {
		if a := r.get(path); a.number("version") != 1 {
			t.Errorf("a refused patch changed something: %s", a.body)
		}
	}
	key := r.key(alma.RoleAdmin, "p")
	r.do(key, http.MethodPatch, memory, `{"project_id":"q","data":{}}`).want(http.StatusForbidden)
	r.do(key, http.MethodPatch, memory, `{"project_id":"p","data":{}}`).want(http.StatusOK)
}

// What was copied from an answer into a new thing is named for what it is.
func TestReadOnlyMembersOfNewThings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for path, body := range map[string]string{
		"/v1/webhooks": `{"url":"https://x.example","lag":0,"updated_at":"2026-01-28T12:00:00Z"}`,
		"/v1/memories": `{"memory_type":"heuristic","data":{"strategy":"s"},"version":1,"score":0.5}`,
		"/v1/events":   `[{"event_type":"A","memory_id":"m","appended_at":"2026-01-28T12:00:00Z","deliveries":[]}]`,
	} {
		a := r.do(r.admin, http.MethodPost, path, body).want(http.StatusUnprocessableEntity)
		if len(a.locations()) != 2 || strings.Count(string(a.body), "read-only") != 2 {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	a := r.do(r.admin, http.MethodPost, "/v1/webhooks", `{"url":"https://x.example","headers":{"X-A":"********","X-B":"b"}}`).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !slices.Equal(got, []string{"headers.X-A"}) {
		t.Errorf("a mask without a value: faults at %q", got)
	}
}
