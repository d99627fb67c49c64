package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestMemoryLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/memories", heuristic("retry once", "p")).want(http.StatusCreated)
	id := a.text("id")
	if a.number("version") != 1 || a.header.Get("ETag") != `"1"` || a.header.Get("Location") != "/v1/memories/"+id {
		t.Errorf("answer %v %s", a.header, a.body)
	}
	path := "/v1/memories/" + id
	a = r.do(r.admin, http.MethodPatch, path, `{"data":{"confidence":0.9,"extra":{"k":1}}}`).want(http.StatusOK)
	if a.number("version") != 2 || a.number("data.confidence") != 0.9 || a.number("data.extra.k") != 1 || a.text("data.strategy") != "retry once" {
		t.Errorf("after PATCH: %s", a.body)
	}
	a = r.do(r.admin, http.MethodPatch, path, `{"data":{"extra":null}}`, "Content-Type", "application/merge-patch+json").want(http.StatusOK)
	if a.value("data.extra") != nil {
		t.Errorf("null did not remove the member: %s", a.body)
	}
	again := heuristic("retry twice", "p")
	again["id"] = id
	if a := r.post("/v1/memories", again).want(http.StatusCreated); a.number("version") != 4 || a.value("created") != false {
		t.Errorf("saving an existing id: %s", a.body)
	}
	again["project_id"] = "other"
	r.post("/v1/memories", again).want(http.StatusConflict)
	r.get(path).want(http.StatusOK)
	r.do(r.admin, http.MethodDelete, path, nil).want(http.StatusNoContent)
	r.get(path).want(http.StatusNotFound)
	want := []string{"DELETED", "UPDATED", "UPDATED", "UPDATED", "CREATED"}
	if got := r.get("/v1/events?memory_id=" + id).each("event_type"); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestMemoryFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.post("/v1/memories", heuristic("s", "")).want(http.StatusCreated).text("id")
	for _, tc := range []struct {
		method, path, body string
		want               []string
	}{
		{http.MethodPost, "/v1/memories", `{}`, []string{"memory_type"}},
		{http.MethodPost, "/v1/memories", `{"memory_type":"heuristic","data":{"confidence":7}}`, []string{"data.strategy", "data.confidence"}},
		{http.MethodPost, "/v1/memories", `{"memory_type":"idea","agent":1,"x":2,"data":[]}`, []string{"memory_type", "agent", "x", "data"}},
		{http.MethodPatch, "/v1/memories/" + id, `{}`, []string{"data"}},
		{http.MethodPatch, "/v1/memories/" + id, `{"data":7}`, []string{"data"}},
		{http.MethodPatch, "/v1/memories/" + id, `{"data":{"strategy":null}}`, []string{"data.strategy"}},
		{http.MethodPatch, "/v1/memories/" + id, `{"agent":"b","data":{}}`, []string{"agent"}},
		{http.MethodPost, "/v1/memories/retrieve", `{"limit":201,"memory_types":["outcome","idea"]}`, []string{"limit", "memory_types[1]"}},
		{http.MethodPost, "/v1/memories/retrieve", `{"limit":"ten","query":7,"memory_types":"heuristic"}`, []string{"limit", "query", "memory_types"}},
		{http.MethodPost, "/v1/memories/consolidate", `{"threshold":0}`, []string{"threshold"}},
		{http.MethodPost, "/v1/memories/consolidate", `{"threshold":1.5,"dry_run":"no","memory_type":"idea"}`, []string{"threshold", "dry_run", "memory_type"}},
		{http.MethodGet, "/v1/memories?memory_type=idea&limit=0", "", []string{"limit", "memory_type"}},
	} {
		var body any
		if tc.body != "" {
			body = tc.body
		}
		if got := r.do(r.admin, tc.method, tc.path, body).want(http.StatusUnprocessableEntity).locations(); !equalSets(got, tc.want) {
			t.Errorf("%s %s %s: faults at %q, want %q", tc.method, tc.path, tc.body, got, tc.want)
		}
	}
	if a := r.get("/v1/memories/" + id); a.number("version") != 1 {
		t.Errorf("a refused patch changed something: %s", a.body)
	}
}

func TestMemoryIDsOfAnyText(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, id := range []string{"a/b", "ü ñ", "50%", "a?b#c", "retrieve"} {
		m := heuristic("s", "")
		m["id"] = id
		a := r.post("/v1/memories", m).want(http.StatusCreated)
		if got := r.get(a.header.Get("Location")).want(http.StatusOK).text("id"); got != id {
			t.Errorf("the path %s leads to %q, want %q", a.header.Get("Location"), got, id)
		}
		r.do(r.admin, http.MethodDelete, "/v1/memories/"+url.PathEscape(id), nil).want(http.StatusNoContent)
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	memory := "/v1/memories/" + r.post("/v1/memories", heuristic("s", "")).text("id")
	hook := "/v1/webhooks/" + r.hook(nil)
	for path, body := range map[string]string{memory: `{"data":{"confidence":0.1}}`, hook: `{"description":"d"}`} {
		for i, header := range []string{`"1"`, "2", "*", ""} {
			if a := r.do(r.admin, http.MethodPatch, path, body, "If-Match", header).want(http.StatusOK); a.header.Get("ETag") != fmt.Sprintf("%q", fmt.Sprint(i+2)) {
				t.Errorf("%s: ETag %s after the change with %q", path, a.header.Get("ETag"), header)
			}
		}
		for _, header := range []string{`"1"`, "4", `"6"`, "0", `"0"`, "-1", "nonsense", `"5`, `W/"5"`} {
			r.do(r.admin, http.MethodPatch, path, body, "If-Match", header).want(http.StatusPreconditionFailed)
			r.do(r.admin, http.MethodDelete, path, nil, "If-Match", header).want(http.StatusPreconditionFailed)
		}
		if a := r.get(path).want(http.StatusOK); a.number("version") != 5 {
			t.Errorf("%s: a refused change left version %v", path, a.number("version"))
		}
		r.do(r.admin, http.MethodDelete, path, nil, "If-Match", `"5"`).want(http.StatusNoContent)
		r.do(r.admin, http.MethodDelete, path, nil, "If-Match", "*").want(http.StatusNotFound)
	}
}

func TestRetrieve(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, s := range []string{"validate large forms step by step", "drink more water"} {
		r.post("/v1/memories", heuristic(s, "p")).want(http.StatusCreated)
	}
	r.post("/v1/memories", heuristic("validate large forms elsewhere", "q")).want(http.StatusCreated)
	a := r.post("/v1/memories/retrieve", map[string]any{"query": "forms", "agent": "qa", "project_id": "p", "memory_types": []string{"heuristic"}, "limit": 1}).want(http.StatusOK)
	if got := a.each("id"); len(got) != 1 || a.text("items.0.data.strategy") != "validate large forms step by step" || a.number("items.0.score") <= 0 || a.number("items.0.version") != 1 {
		t.Errorf("answer %s", a.body)
	}
	events := r.get("/v1/events?event_type=ACCESSED").want(http.StatusOK)
	if got := events.each("memory_id"); !slices.Equal(got, []string{a.text("id")}) {
		t.Errorf("ACCESSED events of %v, want one of %s", got, a.text("id"))
	}
	if a := r.post("/v1/memories/retrieve", map[string]any{"project_id": "none"}).want(http.StatusOK); len(a.each("id")) != 0 {
		t.Errorf("answer %s; want no items", a.body)
	}
}

func TestConsolidate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.post("/v1/memories", heuristic("the very same text", "p")).want(http.StatusCreated)
	}
	request := map[string]any{"agent": "qa", "project_id": "p", "memory_type": "heuristic", "dry_run": true}
	a := r.post("/v1/memories/consolidate", request).want(http.StatusOK)
	if a.value("dry_run") != true || a.number("merged") != 2 || len(r.get("/v1/memories").each("id")) != 3 {
		t.Errorf("dry run: %s", a.body)
	}
	request["dry_run"] = false
	a = r.post("/v1/memories/consolidate", request).want(http.StatusOK)
	if got := r.get("/v1/memories").each("id"); !slices.Equal(got, []string{a.text("groups.0.merged_into")}) {
		t.Errorf("left are %v: %s", got, a.body)
	}
	if got := r.get("/v1/events").each("event_type"); strings.Join(got, " ") != "CONSOLIDATED CREATED CREATED CREATED" {
		t.Errorf("events %v", got)
	}
}
