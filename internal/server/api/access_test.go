package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
	"github.com/alma-events/alma/storage/sqlite"
)

// calls says of every call which roles may make it; nil means no key.
var calls = map[string][]alma.Role{
	"POST /v1/events":                      {alma.RoleAdmin, alma.RoleIngest},
	"GET /v1/events":                       {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/events/stream":                {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/events/{id}":                  {alma.RoleAdmin, alma.RoleRead},
	"POST /v1/memories":                    {alma.RoleAdmin, alma.RoleIngest},
	"GET /v1/memories":                     {alma.RoleAdmin, alma.RoleRead},
	"POST /v1/memories/retrieve":           {alma.RoleAdmin, alma.RoleIngest, alma.RoleRead},
	"POST /v1/memories/consolidate":        {alma.RoleAdmin},
	"POST /v1/memories/import":             {alma.RoleAdmin},
	"GET /v1/memories/{id}":                {alma.RoleAdmin, alma.RoleRead},
	"PATCH /v1/memories/{id}":              {alma.RoleAdmin, alma.RoleIngest},
	"DELETE /v1/memories/{id}":             {alma.RoleAdmin},
	"POST /v1/webhooks":                    {alma.RoleAdmin},
	"GET /v1/webhooks":                     {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/webhooks/{id}":                {alma.RoleAdmin, alma.RoleRead},
	"PATCH /v1/webhooks/{id}":              {alma.RoleAdmin},
	"DELETE /v1/webhooks/{id}":             {alma.RoleAdmin},
	"POST /v1/webhooks/{id}/activate":      {alma.RoleAdmin},
	"POST /v1/webhooks/{id}/pause":         {alma.RoleAdmin},
	"POST /v1/webhooks/{id}/resume":        {alma.RoleAdmin},
	"POST /v1/webhooks/{id}/test":          {alma.RoleAdmin},
	"POST /v1/webhooks/{id}/rotate-secret": {alma.RoleAdmin},
	"GET /v1/deliveries":                   {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/deliveries/failed":            {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/deliveries/{id}":              {alma.RoleAdmin, alma.RoleRead},
	"POST /v1/deliveries/{id}/retry":       {alma.RoleAdmin},
	"POST /v1/webhooks/{id}/replay":        {alma.RoleAdmin},
	"GET /v1/replays":                      {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/replays/{id}":                 {alma.RoleAdmin, alma.RoleRead},
	"POST /v1/replays/{id}/pause":          {alma.RoleAdmin},
	"POST /v1/replays/{id}/resume":         {alma.RoleAdmin},
	"POST /v1/replays/{id}/cancel":         {alma.RoleAdmin},
	"POST /v1/deliveries/retry":            {alma.RoleAdmin},
	"POST /v1/purge":                       {alma.RoleAdmin},
	"POST /v1/keys":                        {alma.RoleAdmin},
	"GET /v1/keys":                         {alma.RoleAdmin, alma.RoleRead},
	"DELETE /v1/keys/{id}":                 {alma.RoleAdmin},
	"GET /v1/session":                      {alma.RoleAdmin, alma.RoleIngest, alma.RoleRead},
	"POST /v1/sessions/link":               {alma.RoleAdmin, alma.RoleIngest, alma.RoleRead},
	"GET /v1/stats":                        {alma.RoleAdmin, alma.RoleRead},
	"GET /metrics":                         {alma.RoleAdmin, alma.RoleRead},
	"POST /v1/sources":                     {alma.RoleAdmin},
	"GET /v1/audit":                        {alma.RoleAdmin},
	"POST /v1/apply":                       {alma.RoleAdmin},
	"GET /v1/sources":                      {alma.RoleAdmin, alma.RoleRead},
	"GET /v1/sources/{id}":                 {alma.RoleAdmin, alma.RoleRead},
	"DELETE /v1/sources/{id}":              {alma.RoleAdmin},
	"POST /v1/sources/{id}/rotate-secret":  {alma.RoleAdmin},
	"GET /healthz":                         nil,
	"GET /.well-known/jwks.json":           nil,
	"GET /readyz":                          nil,
	"GET /openapi.json":                    {alma.RoleAdmin, alma.RoleIngest, alma.RoleRead},
}

// Every call is tried by every role with an id that nobody has and a body that
// nobody takes: neither may be looked at before the role.
func TestRolesByCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	keys := map[alma.Role]string{alma.RoleAdmin: r.admin, alma.RoleIngest: r.key(alma.RoleIngest, ""), alma.RoleRead: r.key(alma.RoleRead, "")}
	strangers := 0
	for call, roles := range calls {
		method, path, _ := strings.Cut(call, " ")
		path = strings.ReplaceAll(path, "{id}", "nobody")
		if strings.HasSuffix(path, "/stream") {
			path += "?after=!" // Refused behind the role: no stream is wanted here.
		}
		body := any("\xff garbage")
		if method == http.MethodGet {
			body = nil
		}
		if roles == nil {
			r.do("", method, path, nil).want(http.StatusOK)
			continue
		}
		a := r.do("", method, path, body).want(http.StatusUnauthorized)
		if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
			t.Errorf("%s without a key: WWW-Authenticate %q", call, got)
		}
		strangers++ // One address may not guess so often.
		r.do("alma_wrong", method, path, body, testAddress, fmt.Sprintf("192.0.2.%d:999", strangers)).want(http.StatusUnauthorized)
		for role, key := range keys {
			a := r.do(key, method, path, body)
			if allowed := slices.Contains(roles, role); allowed == (a.status == http.StatusForbidden) || a.status == http.StatusUnauthorized {
				t.Errorf("%s as %s answered %d, allowed: %v", call, role, a.status, allowed)
			}
		}
	}
}

func TestBearerForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for header, status := range map[string]int{
		"Bearer " + r.admin:                     200,
		"bearer  " + r.admin:                    200,
		r.admin:                                 401,
		"Basic " + r.admin:                      401,
		"Bearer":                                401,
		"Bearer " + strings.ToUpper(r.admin):    401,
		"Bearer " + strings.Repeat("x", 10_000): 401,
	} {
		r.do("", http.MethodGet, "/v1/events", nil, "Authorization", header).want(status)
	}
}

// A key with a project is tried on everything that lies in another one: no
// answer may tell it from what does not exist.
func TestProjectKeyByCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, theirs := r.key(alma.RoleAdmin, "mine"), r.key(alma.RoleAdmin, "theirs")
	ids := map[string]string{ // What lies in the other project.
		"webhooks": r.do(theirs, http.MethodPost, "/v1/webhooks", map[string]any{"url": r.listener.URL()}).want(http.StatusCreated).text("id"),
		"memories": r.do(theirs, http.MethodPost, "/v1/memories", heuristic("s", "")).want(http.StatusCreated).text("id"),
	}
	global := r.hook(nil)
	event := r.do(theirs, http.MethodPost, "/v1/events", event("m", "theirs")).want(http.StatusAccepted).text("event_ids.0")
	ids["events"] = event
	a := r.until("/v1/deliveries?status=SUCCESS&event_id="+event, func(a *reply) bool { return len(a.each("id")) == 2 })
	ids["deliveries"] = a.text("items.0.id")
	ids["sources"] = r.do(theirs, http.MethodPost, "/v1/sources", map[string]any{"name": "theirs"}).want(http.StatusCreated).text("name")
	ids["replays"] = r.do(theirs, http.MethodPost, "/v1/webhooks/"+ids["webhooks"]+"/replay", map[string]any{}).want(http.StatusAccepted).text("id")
	for _, id := range r.do(theirs, http.MethodGet, "/v1/keys", nil).want(http.StatusOK).each("id") {
		ids["keys"] = id
	}
	for call := range calls {
		method, path, _ := strings.Cut(call, " ")
		if !strings.Contains(path, "{id}") {
			continue
		}
		kind := strings.Split(path, "/")[2]
		body := any(nil)
		if method == http.MethodPatch {
			body = map[string]any{}
		}
		foreign := r.do(mine, method, strings.ReplaceAll(path, "{id}", ids[kind]), body).want(http.StatusNotFound)
		unknown := r.do(mine, method, strings.ReplaceAll(path, "{id}", "nobody"), body).want(http.StatusNotFound)
		if string(foreign.body) != string(unknown.body) {
			t.Errorf("%s tells a foreign one from an unknown one:\n%s\n%s", call, foreign.body, unknown.body)
		}
	}
	r.do(mine, http.MethodGet, "/v1/webhooks/"+global, nil).want(http.StatusNotFound)
	for _, path := range []string{"/v1/events", "/v1/memories", "/v1/webhooks", "/v1/deliveries", "/v1/deliveries?webhook_id=" + global, "/v1/replays", "/v1/replays?webhook_id=" + ids["webhooks"], "/v1/sources"} {
		if a := r.do(mine, http.MethodGet, path, nil).want(http.StatusOK); len(a.value("items").([]any)) != 0 {
			t.Errorf("%s shows what lies in another project: %s", path, a.body)
		}
	}
	if got := r.do(theirs, http.MethodGet, "/v1/deliveries", nil).each("webhook_id"); !slices.Equal(slices.Compact(got), []string{ids["webhooks"]}) {
		t.Errorf("deliveries to webhooks %v; want those to the project's own alone", got)
	}
}

func TestProjectKeyNamingAnotherProject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key(alma.RoleAdmin, "mine")
	own := r.do(mine, http.MethodPost, "/v1/webhooks", map[string]any{"url": r.listener.URL()}).want(http.StatusCreated)
	if own.text("project_id") != "mine" {
		t.Errorf("a webhook of project %q", own.text("project_id"))
	}
	hook := "/v1/webhooks/" + own.text("id")
	with := func(m map[string]any) map[string]any { m["project_id"] = "theirs"; return m }
	for _, tc := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, "/v1/events", []any{event("m", "mine"), with(event("m", ""))}},
		{http.MethodPost, "/v1/events", with(map[string]any{"unknown": 1})}, // Before the faults are told.
		{http.MethodPost, "/v1/memories", with(heuristic("s", ""))},
		{http.MethodPost, "/v1/memories/retrieve", with(map[string]any{})},
		{http.MethodPost, "/v1/memories/consolidate", with(map[string]any{})},
		{http.MethodPost, "/v1/memories/import", map[string]any{"memories": []any{with(map[string]any{"id": "m", "memory_type": "heuristic", "data": map[string]any{"strategy": "s"}})}}},
		{http.MethodPost, "/v1/webhooks", with(map[string]any{"url": r.listener.URL()})},
		{http.MethodPatch, hook, with(map[string]any{})},
		{http.MethodPost, "/v1/keys", with(map[string]any{"name": "n", "role": "read"})},
		{http.MethodPost, "/v1/purge", with(map[string]any{"agent": "qa"})},
		{http.MethodGet, "/v1/events?project_id=theirs&limit=nonsense", nil},
		{http.MethodGet, "/v1/events/stream?project_id=theirs", nil},
		{http.MethodGet, "/v1/memories?project_id=theirs", nil},
		{http.MethodGet, "/v1/webhooks?project_id=theirs", nil},
		{http.MethodGet, "/v1/deliveries?project_id=theirs", nil},
		{http.MethodGet, "/v1/deliveries/failed?project_id=theirs", nil},
	} {
		r.do(mine, tc.method, tc.path, tc.body).want(http.StatusForbidden)
	}
	for _, patch := range []string{`{"project_id":null}`, `{"project_id":""}`} {
		if a := r.do(mine, http.MethodPatch, hook, patch).want(http.StatusOK); a.text("project_id") != "mine" {
			t.Errorf("%s freed the webhook of its owner", patch)
		}
	}
	id := r.do(mine, http.MethodPost, "/v1/events", event("m", "")).want(http.StatusAccepted).text("event_ids.0")
	if a := r.get("/v1/events/" + id); a.text("project_id") != "mine" {
		t.Errorf("event of project %q", a.text("project_id"))
	}
	if a := r.do(mine, http.MethodPost, "/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusCreated); a.text("project_id") != "mine" {
		t.Errorf("key of project %q", a.text("project_id"))
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/keys", map[string]any{"name": "ci", "role": "ingest"}).want(http.StatusCreated)
	key, id := a.text("key"), a.text("id")
	if !strings.HasPrefix(key, "alma_") || len(key) != 45 || a.text("role") != "ingest" || a.text("name") != "ci" {
		t.Errorf("answer %s", a.body)
	}
	r.do(key, http.MethodPost, "/v1/events", event("m", "")).want(http.StatusAccepted)
	if listed := r.get("/v1/keys").want(http.StatusOK); strings.Contains(string(listed.body), key) || len(listed.each("id")) != 2 {
		t.Errorf("list %s", listed.body)
	}
	r.do(r.admin, http.MethodDelete, "/v1/keys/"+id, nil).want(http.StatusNoContent)
	r.do(key, http.MethodPost, "/v1/events", event("m", "")).want(http.StatusUnauthorized)
	r.do(r.admin, http.MethodDelete, "/v1/keys/"+id, nil).want(http.StatusNotFound)

	a = r.post("/v1/keys", map[string]any{"role": "root", "project_id": 3, "x": 1}).want(http.StatusUnprocessableEntity)
	if got, want := a.locations(), []string{"project_id", "x", "role", "name"}; !equalSets(got, want) {
		t.Errorf("faults at %q, want %q", got, want)
	}
	last := r.get("/v1/keys").each("id")[0]
	r.do(r.admin, http.MethodDelete, "/v1/keys/"+last, nil).want(http.StatusConflict)
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	r := newRig(t) // It has made the first key.
	if key, created, err := api.Bootstrap(t.Context(), r.store, "another-key-that-is-long"); key != "" || created || err != nil {
		t.Errorf("a second bootstrap gave %q, %v, %v", key, created, err)
	}
	for _, bad := range []string{"short", strings.Repeat("x", 513), "with spaces in between", "with\nnewline-in-it"} {
		if _, _, err := api.Bootstrap(t.Context(), r.store, bad); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("bootstrap with %q: %v", bad, err)
		}
	}
	fresh, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	const wanted = "chosen-by-the-operator"
	if key, created, err := api.Bootstrap(t.Context(), fresh, wanted); key != wanted || !created || err != nil {
		t.Errorf("bootstrap gave %q, %v, %v", key, created, err)
	}
	if known, err := api.IsKey(t.Context(), fresh, wanted); !known || err != nil {
		t.Errorf("the chosen key is known: %v, %v", known, err)
	}
}
