package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The API knows nobody without its store; whoever is signed in is still told
// so, and keeps what was typed.
func TestLostStoreShowsABannerAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	v := r.visitor(r.admin)
	form := fields(v.get("/webhooks/" + r.hook + "/edit").body)
	if p := v.get("/events"); !strings.Contains(p.body, `id="down" role="alert" hidden`) {
		t.Error("a banner although all is well")
	}
	r.lose()
	p := v.get("/events")
	if p.status != http.StatusServiceUnavailable || strings.Contains(p.body, `role="alert" hidden`) {
		t.Errorf("without its store: %d", p.status)
	}
	wantIn(t, p, `<nav aria-label="Main">`, "data-retry", `<strong data-why="store">The store cannot be reached`, `data-why="stopping" hidden`)
	form.Set("description", "typed while it was gone")
	p = v.post("/webhooks/"+r.hook+"/edit", form)
	wantIn(t, p, "The store cannot be reached", "typed while it was gone", "<form method=\"post\" action=\"/webhooks/"+r.hook+"/edit")
	again := fields(p.body)

	for path, form := range map[string]url.Values{
		"/keys":                              {"name": {"typed"}, "role": {"read"}, "project_id": {"library"}},
		"/sources":                           {"name": {"typed"}, "format": {"standard"}, "secret": {"typed too"}},
		"/webhooks/" + r.hook + "/replay":    {"since": {"2026-01-02T00:00"}, "status": {"FAILED"}},
		"/webhooks/" + r.hook + "/rotate":    {"overlap": {"12"}, "secret": {"typed-secret"}},
		"/failed/retry":                      {"group": {r.hook + " status_5xx", r.hook + " dns"}},
		"/webhooks/" + r.hook + "/pause":     {},
		"/deliveries/" + r.failed + "/retry": {},
	} {
		p := v.post(path, form)
		if p.status != http.StatusServiceUnavailable {
			t.Errorf("%s answers %d", path, p.status)
		}
		wantIn(t, p, `action="`+path+`"`, "Try again", "The store cannot be reached", `role="alert">`)
		for name, values := range form {
			for _, value := range values {
				if name != "csrf" {
					wantIn(t, p, `name="`+name+`" value="`+value+`"`)
				}
			}
		}
	}
	r.find()
	wantIn(t, v.post("/webhooks/"+r.hook+"/edit", again), "Saved", "typed while it was gone")
	wantIn(t, v.post("/keys", url.Values{"name": {"typed"}, "role": {"read"}}), "The key typed was made")
}

// TestOpenPagesOutliveTheStore: what stands on a page, and in its form, stays
// while the store is away, and after.
func TestOpenPagesOutliveTheStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	b := newBrowser(t)
	b.enter(r)
	b.do(chromedp.Navigate(r.url + "/webhooks/" + r.hook + "/edit"))
	b.fill(`#f-description`, "typed before it went")
	r.lose()
	b.soon("the banner", `!document.querySelector("#down").hidden && !document.querySelector("#down [data-why=store]").hidden`)
	b.until("the form as it was", `document.querySelector("#f-description").value === "typed before it went"`)
	b.click(`.settings .primary`)
	b.until("the form again", `document.querySelector("h1").textContent === "Edit webhook" && location.pathname.endsWith("/edit") && document.querySelector(".notice.bad") !== null`)
	b.until("what was typed", `document.querySelector("#f-description").value === "typed before it went" && !document.querySelector("#down").hidden`)
	r.find()
	b.soon("no banner", `document.querySelector("#down").hidden`)
	b.click(`.settings .primary`)
	b.until("it is saved", `document.querySelector(".notice.good")?.textContent.includes("Saved")`)

	b.do(chromedp.Navigate(r.url + "/overview"))
	b.until("the figures", `document.querySelector("#live .tiles") !== null`)
	r.lose()
	b.soon("the banner over the overview", `!document.querySelector("#down").hidden && document.querySelector("#live .tiles") !== null`)
	b.do(chromedp.Navigate(r.url + "/keys"))
	b.until("a page that waits", `document.querySelector("[data-retry]") !== null`)
	r.find()
	b.soon("the page by itself", `document.querySelector("#new-key") !== null && document.querySelector("#down").hidden`)
	b.quiet()
}

// A server that shuts down answers as one without its store does, and is none.
func TestBannerTellsAShutdownFromALostStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	b.enter(r)
	r.rest.Close()
	b.soon("that it shuts down", `!document.querySelector("#down").hidden && !document.querySelector("#down [data-why=stopping]").hidden && document.querySelector("#down [data-why=store]").hidden`)
	r.front.cut()
	b.soon("that it is gone", `!document.querySelector("#down [data-why=server]").hidden`)
	r.front.mend()
}

// A refused replay shows the page of the webhook, which goes on being fresh.
func TestPageOfARefusedReplayStaysFresh(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	b := newBrowser(t)
	b.enter(r)
	path := "/webhooks/" + r.hook
	b.do(chromedp.Navigate(r.url + path))
	b.fill(`#r-since`, "2026-01-02T00:00")
	b.fill(`#r-until`, "2026-01-01T00:00")
	b.click(`#replay button`)
	b.until("the fault", `document.querySelector("#replay .fault") !== null && location.pathname === "`+path+`"`)
	if _, err := r.manager.Pause(t.Context(), r.hook); err != nil {
		t.Fatal(err)
	}
	b.until("the new state, by itself", `document.querySelector("#webhook-live .badge").textContent === "paused" && document.querySelector("#replay .fault") !== null`)
}

// soon waits as until does, as somebody who looks at the page again and again:
// then it asks at once whether the store is there.
func (b *browser) soon(what, expression string) {
	b.t.Helper()
	b.until(what, `window.dispatchEvent(new Event("focus")) && (`+expression+`)`)
}
