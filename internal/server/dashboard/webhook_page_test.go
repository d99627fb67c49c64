package dashboard_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/server/dashboard"
)

// notInForm are settings that the form of a webhook leaves out, and why.
var notInForm = map[string]string{
	"name": "a declaration gives it, and knows the webhook by it",
}

// Every setting that the API takes is in the form, and is explained there.
func TestFormHasEverySettingExplained(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.admin)
	p := r.stranger().do(req)
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct{ Properties map[string]any }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(p.body), &doc); err != nil {
		t.Fatal(err)
	}
	settings := doc.Paths["/v1/webhooks"]["post"].RequestBody.Content["application/json"].Schema.Properties
	if len(settings) < 30 {
		t.Fatalf("the document names %d settings", len(settings))
	}
	help := dashboard.FieldHelp()
	for name := range settings {
		if text, ok := help[name]; ok == (notInForm[name] != "") || ok && len(text) < 15 {
			t.Errorf("%s: explained by %q, left out because %q", name, text, notInForm[name])
		}
	}
	body := r.visitor(r.admin).get("/webhooks/new").body
	for name, text := range help {
		if !strings.Contains(body, `id="f-`+name+`"`) || !strings.Contains(body, `id="h-`+name+`"`) || text == "" {
			t.Errorf("the form lacks %s, or what it means", name)
		}
	}
}

// What a new webhook's listener said to its handshake is told, and kept.
func TestPassedHandshakeIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	listener := almatest.NewListener(t, almatest.WithSecret("my-own-secret-of-it"))
	v.get("/webhooks/new")
	p := v.post("/webhooks", url.Values{"url": {listener.URL()}, "secret": {"my-own-secret-of-it"}, "challenge": {"true"}})
	wantIn(t, p, "Its handshake has passed", `class="notice good"`, "<dt>Consent</dt><dd>The listener agreed")
	p = v.post("/webhooks", url.Values{"url": {listener.URL()}, "description": {"no question asked"}})
	if strings.Contains(p.body, "andshake") || strings.Contains(p.body, "Consent") {
		t.Errorf("a handshake is told of that was not made")
	}

	consents := httptestServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WebHook-Allowed-Origin", "*")
		w.Header().Set("WebHook-Allowed-Rate", "120")
	})
	p = v.post("/webhooks", url.Values{"url": {consents}, "format": {"cloudevents"}})
	wantIn(t, p, "Its handshake has passed", "to at most 120 requests a minute")
}

func TestWebhookCanBeginPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	wantIn(t, v.get("/webhooks/new"), `name="active" value="false"`)
	p := v.post("/webhooks", url.Values{"url": {"nonsense"}, "active": {"false"}})
	wantIn(t, p, `name="active" value="false" checked`)
	p = v.post("/webhooks", url.Values{"url": {r.listener.URL()}, "active": {"false"}})
	wantIn(t, p, "and is paused", ">Resume<")
}

// Reasons are those of what failed, however much has succeeded since; what was
// never sent is told in numbers.
func TestWebhookPageTellsWhatWentWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, err := r.manager.Add(t.Context(), alma.WebhookConfig{URL: r.listener.URL(), RetryCount: new(0), MaxAge: 2 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r.listener.Next(almatest.Status(http.StatusTeapot))
	r.append("library")
	r.until("one has failed", func() bool {
		page, err := r.manager.Deliveries(t.Context(), alma.DeliveryQuery{WebhookID: w.ID, Status: alma.StatusFailed})
		return err == nil && len(page.Items) == 1
	})
	for range 120 {
		r.append("library")
	}
	r.until("all others have arrived", func() bool { return len(r.listener.Requests()) == 121 })
	end, err := r.store.Horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := r.visitor(r.admin)
	p := v.get("/webhooks/" + w.ID)
	wantIn(t, p, `<span class="reason">status 4xx</span> × 1`, "the listener answered 418", "Of the 1 delivery that failed for good or is tried again")
	if strings.Contains(p.body, "Not sent so far") {
		t.Error("something is told of as not sent that was")
	}
	r.reboot(func() {
		health := alma.LaneUpdate{WebhookID: w.ID, Cursor: end, Health: alma.LaneHealth{Lost: 3, Expired: 1, Erased: 2}}
		if err := r.store.Settle(t.Context(), alma.Settlement{Lanes: []alma.LaneUpdate{health}}); err != nil {
			t.Fatal(err)
		}
	})
	v = r.visitor(r.admin)
	wantIn(t, v.get("/webhooks/"+w.ID), "3 events lost", "1 event older than its settings allow", "2 events whose data were erased before")
}

// The pages of the keys hold more than one page of them, and their limits.
func TestKeysPageByPageWithTheirLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	v.get("/keys")
	wantIn(t, v.post("/keys", url.Values{"name": {"n"}, "role": {"read"}, "rate_limit": {"fast"}}), `value="fast"`, `class="fault"`)
	wantIn(t, v.post("/keys", url.Values{"name": {"n"}, "role": {"read"}, "rate_limit": {"0.001"}}), "out of range")
	wantIn(t, v.post("/keys", url.Values{"name": {"slow one"}, "role": {"read"}, "rate_limit": {"2.5"}}), "2.5 a second")
	for range 60 {
		r.key(alma.RoleRead, "")
	}
	p := v.get("/keys")
	next := between(p.body, `<p class="pages"><a class="button" href="`, `"`)
	if next == "" {
		t.Fatal("no further page of keys")
	}
	first, second := strings.Count(p.body, "/remove"), strings.Count(v.get("/keys"+next).body, "/remove")
	if first+second != 62 || second == 0 {
		t.Errorf("%d and %d keys are listed", first, second)
	}
}
