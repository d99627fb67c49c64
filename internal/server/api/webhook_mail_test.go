package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

const toPeople = "mailto:ops@example.com"

// TestMailWebhook: it is made without a secret, also by a key of a project, and
// shown with what takes effect.
func TestMailWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.key(alma.RoleAdmin, "shop")
	made := r.do(key, http.MethodPost, "/v1/webhooks", map[string]any{"url": toPeople, "events": []string{"ALMA_LAG_HIGH"}}).want(http.StatusCreated)
	if made.value("secret") != nil || made.value("signed") != false || made.text("signature") != "" || made.text("project_id") != "shop" || made.number("batch_size") != 50 || made.number("batch_delay") != 60 {
		t.Errorf("made is %s", made.body)
	}
	test := r.post("/v1/webhooks/"+made.text("id")+"/test", nil).want(http.StatusOK)
	if test.number("status_code") != 250 || test.text("response_body") != "250 OK" || !strings.HasPrefix(test.text("request_headers.Subject"), "[Alma] wh_") {
		t.Errorf("the test comes to %s", test.body)
	}
	faults := r.post("/v1/webhooks", map[string]any{"url": "mailto:ops", "typo": 1, "secret": "a-secret-of-nobody", "headers": map[string]string{"X-A": "b"}}).want(http.StatusUnprocessableEntity).locations()
	slices.Sort(faults)
	if want := []string{"events", "headers", "secret", "typo", "url"}; !slices.Equal(faults, want) {
		t.Errorf("faults at %q, want %q", faults, want)
	}
}

// TestListenerIsPatchedIntoMailbox: the secret goes with the listener.
func TestListenerIsPatchedIntoMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/v1/webhooks/" + r.hook(map[string]any{"events": []string{"ALMA_LAG_HIGH"}})
	if a := r.do(r.admin, http.MethodPatch, path, map[string]any{"url": toPeople}).want(http.StatusOK); a.value("signed") != false || a.text("url") != toPeople {
		t.Errorf("patched: %s", a.body)
	}
	if a := r.do(r.admin, http.MethodPatch, path, map[string]any{"events": []string{"CREATED"}}).want(http.StatusUnprocessableEntity); !slices.Equal(a.locations(), []string{"events[0]"}) {
		t.Errorf("an event for programs: %s", a.body)
	}
	if a := r.do(r.admin, http.MethodPatch, path, map[string]any{"url": r.listener.URL()}).want(http.StatusOK); a.value("signed") != true {
		t.Errorf("patched back it is unsigned: %s", a.body)
	}
}

// TestMailWebhookIsDeclared: no secret is asked for, and applying it again changes
// nothing; nor need one that was a listener's be taken away first.
func TestMailWebhookIsDeclared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := map[string]any{"name": "people", "url": r.listener.URL(), "secret": "a-secret-of-a-webhook", "events": []string{"ALMA_LAG_HIGH"}}
	apply := func() string {
		t.Helper()
		return string(r.post("/v1/apply", map[string]any{"webhooks": []any{hook}}).want(http.StatusOK).body)
	}
	apply()
	delete(hook, "secret")
	hook["url"] = toPeople
	if got := apply(); !strings.Contains(got, `"url"`) || !strings.Contains(got, `"secret"`) {
		t.Errorf("the listener becomes a mailbox: %s", got)
	}
	if got := apply(); strings.Contains(got, `"url"`) || strings.Contains(got, `"secret"`) {
		t.Errorf("applied again: %s", got)
	}
	other := map[string]any{"name": "others", "url": "mailto:dev@example.com", "events": []string{"ALMA_LAG_HIGH"}}
	r.post("/v1/apply", map[string]any{"webhooks": []any{hook, other}}).want(http.StatusOK)
}
