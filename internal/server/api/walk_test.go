package api_test

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

// try is a call that concerns the project "mine".
type try struct {
	query  string                   // Behind the path.
	some   func(*rig) string        // What {id} stands for: something of that project.
	body   func(project string) any // Of a call that succeeds.
	names  bool                     // The request names the project.
	global bool                     // It is about all projects: no bound key may make it.
	status int                      // Instead of a success.
}

// tries says how every call of the table is tried. One that is missing here
// fails the test.
var tries = map[string][]try{
	"POST /v1/events":               {{body: func(p string) any { return event("m", p) }, names: true}},
	"GET /v1/events":                {{}, {query: "?project_id=mine", names: true}},
	"GET /v1/events/stream":         {{query: "?after=!", status: 422}, {query: "?after=!&project_id=mine", names: true, status: 422}},
	"GET /v1/events/{id}":           {{some: mineEvent}},
	"POST /v1/memories":             {{body: func(p string) any { return heuristic("s", p) }, names: true}},
	"GET /v1/memories":              {{}, {query: "?project_id=mine", names: true}},
	"POST /v1/memories/retrieve":    {{body: ofProject("agent", "qa"), names: true}, {body: func(string) any { return map[string]any{"agent": "qa"} }}},
	"POST /v1/memories/consolidate": {{body: ofProject("agent", "qa"), names: true}},
	"POST /v1/memories/import": {{body: func(p string) any {
		return map[string]any{"memories": []any{map[string]any{"id": "imported", "memory_type": "heuristic", "project_id": p, "data": map[string]any{"strategy": "s"}}}}
	}, names: true}},
	"GET /v1/memories/{id}":                {{some: mineMemory}},
	"PATCH /v1/memories/{id}":              {{some: mineMemory, body: func(string) any { return map[string]any{"data": map[string]any{"confidence": 0.7}} }}},
	"DELETE /v1/memories/{id}":             {{some: mineMemory}},
	"POST /v1/webhooks":                    {{body: ofProject("url", "https://mine.example"), names: true}},
	"GET /v1/webhooks":                     {{}, {query: "?project_id=mine", names: true}},
	"GET /v1/webhooks/{id}":                {{some: mineHook}},
	"PATCH /v1/webhooks/{id}":              {{some: mineHook, body: func(string) any { return map[string]any{"description": "d"} }}},
	"DELETE /v1/webhooks/{id}":             {{some: mineHook}},
	"POST /v1/webhooks/{id}/activate":      {{some: mineHook}},
	"POST /v1/webhooks/{id}/pause":         {{some: mineHook}},
	"POST /v1/webhooks/{id}/resume":        {{some: mineHook}},
	"POST /v1/webhooks/{id}/test":          {{some: mineHook}},
	"POST /v1/webhooks/{id}/rotate-secret": {{some: mineHook}},
	"POST /v1/webhooks/{id}/replay":        {{some: mineHook, body: empty}},
	"GET /v1/deliveries":                   {{}, {query: "?project_id=mine", names: true}},
	"GET /v1/deliveries/failed":            {{}, {query: "?project_id=mine", names: true}},
	"GET /v1/deliveries/{id}":              {{some: mineDelivery}},
	"POST /v1/deliveries/{id}/retry":       {{some: mineDelivery}},
	"POST /v1/deliveries/retry":            {{body: empty}},
	"GET /v1/replays":                      {{}},
	"GET /v1/replays/{id}":                 {{some: mineReplay}},
	"POST /v1/replays/{id}/pause":          {{some: mineReplay}},
	"POST /v1/replays/{id}/resume":         {{some: mineReplay}},
	"POST /v1/replays/{id}/cancel":         {{some: mineReplay}},
	"POST /v1/purge":                       {{body: ofProject("agent", "nobody"), names: true}},
	"POST /v1/keys":                        {{body: func(p string) any { return map[string]any{"name": "n", "role": "read", "project_id": p} }, names: true}},
	"GET /v1/keys":                         {{}},
	"DELETE /v1/keys/{id}":                 {{some: mineKey}},
	"GET /v1/session":                      {{}},
	"POST /v1/sessions/link":               {{}},
	"GET /v1/stats":                        {{}},
	"GET /metrics":                         {{global: true}},
	"POST /v1/sources": {{body: func(p string) any {
		return map[string]any{"name": "s-" + strings.ToLower(alma.NewKeyID()), "project_id": p}
	}, names: true}},
	"GET /v1/audit":                       {{}, {query: "?project_id=mine", names: true}},
	"POST /v1/apply":                      {{body: empty, global: true}},
	"GET /v1/sources":                     {{}, {query: "?project_id=mine", names: true}},
	"GET /v1/sources/{id}":                {{some: mineSource}},
	"DELETE /v1/sources/{id}":             {{some: mineSource}},
	"POST /v1/sources/{id}/rotate-secret": {{some: mineSource}},
	"GET /healthz":                        {{}},
	"GET /.well-known/jwks.json":          {{}},
	"GET /readyz":                         {{}},
	"GET /openapi.json":                   {{}},
}

func empty(string) any { return map[string]any{} }

func ofProject(name string, value any) func(string) any {
	return func(p string) any { return map[string]any{name: value, "project_id": p} }
}

func mineEvent(r *rig) string {
	return r.post("/v1/events", event("of-mine", "mine")).want(http.StatusAccepted).text("event_ids.0")
}

func mineMemory(r *rig) string {
	return r.post("/v1/memories", heuristic("of-mine", "mine")).want(http.StatusCreated).text("id")
}
func mineHook(r *rig) string { return r.hook(map[string]any{"project_id": "mine"}) }

func mineDelivery(r *rig) string {
	hook := mineHook(r)
	event := mineEvent(r)
	a := r.until("/v1/deliveries?status=SUCCESS&webhook_id="+hook+"&event_id="+event, func(a *reply) bool { return len(a.each("id")) == 1 })
	return a.text("items.0.id")
}

func mineReplay(r *rig) string {
	return strings.TrimPrefix(r.lastingReplay("mine"), "/v1/replays/")
}

func mineKey(r *rig) string {
	return r.post("/v1/keys", map[string]any{"name": "of-mine", "role": "read", "project_id": "mine"}).want(http.StatusCreated).text("id")
}

func mineSource(r *rig) string {
	return r.post("/v1/sources", map[string]any{"name": "s-" + strings.ToLower(alma.NewKeyID()), "project_id": "mine"}).want(http.StatusCreated).text("name")
}

// holder is a key of a role, bound to a project or to none.
type holder struct {
	role    alma.Role
	project string
}

// want is the status that the rules demand; 0 means a success.
func (h holder) want(roles []alma.Role, t try) int {
	foreign := h.project == "theirs"
	switch {
	case roles != nil && !slices.Contains(roles, h.role):
		return http.StatusForbidden
	case roles == nil:
		return t.status
	case t.global && h.project != "", foreign && t.names:
		return http.StatusForbidden
	case foreign && t.some != nil:
		return http.StatusNotFound
	}
	return t.status
}

// Every call, with every role, without a project, with that of what the call
// concerns, and with another one: which then learns nothing of it.
func TestEveryCallByRoleAndProject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	keys := map[holder]string{}
	for _, role := range []alma.Role{alma.RoleAdmin, alma.RoleIngest, alma.RoleRead} {
		for _, project := range []string{"", "mine", "theirs"} {
			keys[holder{role, project}] = r.key(role, project)
		}
	}
	w := &world{rig: r, made: map[string]string{}}
	for call, all := range tries {
		if all[0].some != nil {
			w.made[call] = all[0].some(r) // So that no listing is empty, either.
		}
	}
	for _, call := range slices.SortedFunc(maps.Keys(calls), questionsFirst) {
		if len(tries[call]) == 0 {
			t.Errorf("%s is not tried: say what it takes", call)
		}
		for _, one := range tries[call] {
			for h, key := range keys {
				w.try(call, one, h, key)
			}
		}
	}
}

// questionsFirst puts calls in an order in which the audit log does not yet
// tell a key what it has tried itself.
func questionsFirst(a, b string) int {
	return cmp.Or(-cmp.Compare(strings.Count(a, "GET"), strings.Count(b, "GET")), cmp.Compare(a, b))
}

// world is a rig in which there is something of the project "mine" for each
// call that names one.
type world struct {
	*rig
	made map[string]string
}

// try makes a call. What it succeeds to change, it does to something new.
func (w *world) try(call string, one try, h holder, key string) {
	w.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	want := h.want(calls[call], one)
	if one.some != nil {
		id := w.made[call]
		if want == 0 && method != http.MethodGet {
			id = one.some(w.rig)
		}
		path = strings.ReplaceAll(path, "{id}", id)
	}
	var body any
	if one.body != nil {
		body = one.body("mine")
	}
	a := w.do(key, method, path+one.query, body)
	if want == 0 && a.status >= http.StatusMultipleChoices || want != 0 && a.status != want {
		w.t.Errorf("%s%s as %s of project %q answered %d, want %d (0: a success): %.200s", call, one.query, h.role, h.project, a.status, want, a.body)
	}
	if h.project != "theirs" {
		return
	}
	for _, id := range append(slices.Collect(maps.Values(w.made)), "of-mine", `"mine"`) {
		if strings.Contains(string(a.body), id) {
			w.t.Errorf("%s%s as %s of another project tells of %s: %.300s", call, one.query, h.role, id, a.body)
		}
	}
}
