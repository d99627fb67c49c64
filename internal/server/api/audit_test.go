package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/server/api"
)

// audited lists what the log says was done, the newest first, as "method route
// object members status".
func (r *rig) audited(key, query string) []string {
	r.t.Helper()
	var list []string
	for _, item := range r.do(key, http.MethodGet, "/v1/audit"+query, nil).want(http.StatusOK).value("items").([]any) {
		e := item.(map[string]any)
		list = append(list, fmt.Sprint(e["method"], " ", e["route"], " ", e["object_id"], " ", e["members"], " ", e["status"]))
	}
	return list
}

func TestAuditSaysWhatWasChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const secret, token = "first-secret-of-all", "tok-value"
	hook := r.post("/v1/webhooks", map[string]any{"url": r.listener.URL(), "secret": secret, "headers": map[string]string{"X-Token": token}}).want(http.StatusCreated).text("id")
	path := "/v1/webhooks/" + hook
	whole := strings.Replace(string(r.get(path).body), `"description":""`, `"description":"d"`, 1)
	r.do(r.admin, http.MethodPatch, path, whole).want(http.StatusOK)
	r.do(r.admin, http.MethodPatch, path, map[string]any{"secret": "another-secret-1", "headers": map[string]any{"X-Token": "other"}}).want(http.StatusOK)
	r.post(path+"/pause", nil).want(http.StatusOK)
	r.do(r.admin, http.MethodPatch, path, map[string]any{"url": "nonsense"}).want(http.StatusUnprocessableEntity)
	r.do(r.admin, http.MethodDelete, "/v1/webhooks/nobody", nil).want(http.StatusNotFound)
	r.do(r.admin, http.MethodDelete, path, nil).want(http.StatusNoContent)
	key := r.post("/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusCreated)
	r.do(key.text("key"), http.MethodDelete, path, nil).want(http.StatusForbidden)
	r.do("alma_wrong", http.MethodDelete, path, nil).want(http.StatusUnauthorized)
	r.post("/v1/sources", map[string]any{"name": "s"}).want(http.StatusCreated)
	r.post("/v1/events", event("m", "p")).want(http.StatusAccepted)
	m := r.post("/v1/memories", heuristic("s", "")).want(http.StatusCreated).text("id")
	r.do(r.admin, http.MethodDelete, "/v1/memories/"+m, nil).want(http.StatusNoContent)
	r.post("/v1/purge", map[string]any{"agent": "a", "dry_run": true}).want(http.StatusOK)

	r.post("/v1/memories/consolidate", map[string]any{"dry_run": true}).want(http.StatusOK)
	r.post("/v1/apply", map[string]any{"dry_run": true, "sources": []any{map[string]any{"name": "t", "secret": nil}}}).want(http.StatusOK)
	r.do(key.text("key"), http.MethodPost, "/v1/sessions/link", nil).want(http.StatusCreated)
	r.post("/v1/purge", map[string]any{"agent": "a"}).want(http.StatusOK)

	want := []string{
		"POST /v1/purge  [agent] 200",
		"POST /v1/sessions/link  [] 201",
		"DELETE /v1/memories/{id} " + m + " [] 204",
		"POST /v1/sources s [name] 201",
		"DELETE /v1/webhooks/{id} " + hook + " [] 403",
		"POST /v1/keys " + key.text("id") + " [name role] 201",
		"DELETE /v1/webhooks/{id} " + hook + " [] 204",
		"POST /v1/webhooks/{id}/pause " + hook + " [] 200",
		"PATCH /v1/webhooks/{id} " + hook + " [headers secret] 200",
		"PATCH /v1/webhooks/{id} " + hook + " [description] 200",
		"POST /v1/webhooks " + hook + " [headers secret url] 201",
	}
	if diff := cmp.Diff(want, r.audited(r.admin, "")); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
	if text := string(r.get("/v1/audit").body); strings.Contains(text, secret) || strings.Contains(text, token) || strings.Contains(text, key.text("key")) {
		t.Errorf("the audit log holds a secret: %s", text)
	}
	if got := r.audited(r.admin, "?object_id="+hook+"&limit=2"); !slices.Equal(got, []string{want[4], want[6]}) {
		t.Errorf("a page of what was done to the webhook: %q", got)
	}
	if got := r.audited(r.admin, "?key_id="+key.text("id")); !slices.Equal(got, []string{want[1], want[4]}) {
		t.Errorf("what was done with the other key: %q", got)
	}
	if got := r.audited(r.admin, "?until=2020-01-01T00:00:00Z"); len(got) != 0 {
		t.Errorf("what was done before there was anything: %q", got)
	}
	a := r.get("/v1/audit?since=x&limit=0&nonsense=1").want(http.StatusUnprocessableEntity)
	if !equalSets(a.locations(), []string{"nonsense", "since", "limit"}) {
		t.Errorf("faults at %q", a.locations())
	}
}

func TestAuditSaysWhoAndFromWhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.post("/v1/keys", map[string]any{"name": "ops", "role": "admin"}).want(http.StatusCreated)
	r.do(key.text("key"), http.MethodDelete, "/v1/keys/"+key.text("id"), nil, "User-Agent", "tool/1 \xff", "X-Request-Id", "my-request").want(http.StatusNoContent)
	e := r.get("/v1/audit?limit=1")
	for path, want := range map[string]any{
		"key_id": key.text("id"), "key_name": "ops", "session": false, "address": "127.0.0.1", "request_id": "my-request", "user_agent": "tool/1 ", "project_id": "",
	} {
		if got := e.value("items.0." + path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

func TestAuditOfAProject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, theirs := r.key(alma.RoleAdmin, "mine"), r.key(alma.RoleAdmin, "theirs")
	hook := r.do(mine, http.MethodPost, "/v1/webhooks", map[string]any{"url": r.listener.URL()}).want(http.StatusCreated).text("id")
	r.do(theirs, http.MethodDelete, "/v1/webhooks/"+hook, nil).want(http.StatusNotFound)
	r.post("/v1/webhooks/"+hook+"/pause", nil).want(http.StatusOK) // By a key of all projects.
	want := []string{"POST /v1/webhooks/{id}/pause " + hook + " [] 200", "POST /v1/webhooks " + hook + " [url] 201"}
	if got := r.audited(mine, ""); len(got) != 3 || !slices.Equal(got[:2], want) { // And the making of the key.
		t.Errorf("the project sees %q, want %q and its key", got, want)
	}
	if got := r.audited(theirs, ""); len(got) != 1 {
		t.Errorf("another project sees %q, want the making of its key", got)
	}
	r.do(mine, http.MethodGet, "/v1/audit?project_id=theirs", nil).want(http.StatusForbidden)
}

// auditless is a store whose audit log cannot be written.
type auditless struct{ api.Store }

func (auditless) AppendAudit(context.Context, alma.AuditEntry) error {
	return errors.New("no room for audits")
}

func TestAuditThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s api.Store) api.Store { return auditless{s} })
	id := r.post("/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusCreated).text("id")
	if !slices.Contains(r.get("/v1/keys").each("id"), id) {
		t.Error("the change was undone")
	}
	if logs := r.logs.String(); !strings.Contains(logs, "no room for audits") || !strings.Contains(logs, id) {
		t.Errorf("the log says nothing of it: %s", logs)
	}
	if text := string(r.get("/metrics").body); !strings.Contains(text, "alma_audit_failures_total 1\n") {
		t.Error("the metrics do not count it")
	}
}

// Every call that only admins may make, and no other, is told to the log.
func TestAuditCoversTheTable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reader := r.key(alma.RoleRead, "")
	var want []string
	for call, roles := range calls {
		method, path, _ := strings.Cut(call, " ")
		if method == http.MethodGet || slices.Contains(roles, alma.RoleRead) {
			continue
		}
		r.do(reader, method, strings.ReplaceAll(path, "{id}", "x"), nil).want(http.StatusForbidden)
		if len(roles) == 1 {
			want = append(want, call)
		}
	}
	var got []string
	for _, item := range r.get("/v1/audit?limit=200").value("items").([]any) {
		if e := item.(map[string]any); e["status"] == float64(http.StatusForbidden) {
			got = append(got, fmt.Sprint(e["method"], " ", e["route"]))
		}
	}
	if !equalSets(got, want) {
		t.Errorf("told to the log are %q, want %q", got, want)
	}
}

// TestSessionsInTheAuditLog: what a person does in the dashboard is told as
// such; and a page may repeat a call as programs do.
func TestSessionsInTheAuditLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	headers := []string{"Cookie", r.signIn(r.admin), "Sec-Fetch-Site", "same-origin", "Idempotency-Key", "of-a-page"}
	body := map[string]any{"name": "n", "role": "read"}
	first := r.do("", http.MethodPost, "/v1/keys", body, headers...).want(http.StatusCreated)
	if again := r.do("", http.MethodPost, "/v1/keys", body, headers...).want(http.StatusCreated); again.text("key") != first.text("key") {
		t.Error("the repeat made another key")
	}
	e := r.get("/v1/audit")
	if len(e.each("id")) != 1 || e.value("items.0.session") != true || e.value("items.0.key_name") != "first admin key" {
		t.Errorf("the audit log holds %s", e.body)
	}
}
