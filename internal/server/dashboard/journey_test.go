package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
)

// TestJourney goes through the dashboard as an operator would: signs in, makes
// a webhook, sees an event arrive live, opens a failed delivery, retries it, and
// replays what there was.
func TestJourney(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	r.listener.Answer(almatest.Status(http.StatusNotFound))

	b.do(chromedp.Navigate(r.url))
	b.fill(`#key`, r.admin)
	b.click(`main button`)
	b.until("the overview of a fresh server", `document.querySelector("main h2")?.textContent === "Nothing has happened here yet"`)

	b.click(`.top nav a[href="/webhooks"]`)
	b.until("the empty list", `location.pathname === "/webhooks"`)
	b.click(`.head a[href="/webhooks/new"]`)
	b.until("the form", `document.querySelector("#f-url") !== null`)
	b.fill(`#f-url`, "nonsense")
	b.fill(`#f-retry_count`, "0")
	b.click(`.settings .primary`)
	b.until("the faults", `document.querySelector("#f-url")?.getAttribute("aria-invalid") === "true" && document.querySelector("#f-retry_count").value === "0"`)
	b.fill(`#f-url`, r.listener.URL())
	b.fill(`#f-description`, "Made in a browser")
	b.click(`.settings .primary`)
	b.until("the secret, once", `document.querySelector("#secret")?.textContent.length > 20 && !location.search.includes("notice")`)
	hook := strings.TrimPrefix(ask[string](b, `location.pathname`), "/webhooks/")

	b.do(chromedp.Navigate(r.url + "/live?event_type=LOAN_CREATED"))
	b.until("the stream", `document.querySelector("#tail-state")?.textContent === "live"`)
	event := r.append("library")
	b.until("the event, live", `document.querySelector("#tail tbody a")?.getAttribute("href") === "/events/`+event+`"`)
	b.click(`#tail-pause`)
	held := r.append("library")
	b.until("an event that is held", `document.querySelector("#tail-state").textContent === "paused, 1 waiting" && document.querySelectorAll("#tail tbody tr").length === 1`)
	b.click(`#tail-pause`)
	b.until("the held event", `document.querySelector("#tail tbody a").getAttribute("href") === "/events/`+held+`"`)

	b.do(chromedp.Navigate(r.url + "/events/" + event))
	b.until("its delivery", `document.querySelector("#event-deliveries .badge.bad") !== null`)
	b.click(`#event-deliveries tbody a`)
	b.until("the attempt", `document.querySelector(".timeline h3")?.textContent.includes("answer 404")`)
	if curl := ask[string](b, `document.querySelector("#curl").textContent`); !strings.Contains(curl, event) || strings.Contains(curl, "Signature:") {
		t.Errorf("the command: %s", curl)
	}
	r.listener.Answer(almatest.Status(http.StatusOK))
	b.click(`.head .primary`)
	b.until("the retry, by itself", `document.querySelectorAll(".timeline li").length === 2 && document.querySelector("#delivery-live .badge.good") !== null`)

	b.do(chromedp.Navigate(r.url + "/failed"))
	b.click(`[data-all]`)
	b.until("all are selected", `document.querySelector("[name=group]").checked`)
	b.click(`#failed-form .primary`)
	b.until("the bulk retry", `location.pathname === "/replays" && document.querySelector("#replay-list .badge")?.textContent === "done"`)

	b.do(chromedp.Navigate(r.url + "/webhooks/" + hook))
	b.fill(`#r-since`, "2020-01-01T00:00")
	b.click(`#replay button`)
	b.until("the replay to its end", `location.pathname.startsWith("/replays/") && document.querySelector("#replay-live .badge")?.textContent === "done" && document.querySelector("progress").value === 100`)
	r.until("both events have arrived again", func() bool {
		page, err := r.manager.Replays(t.Context(), alma.FindReplays{WebhookIDs: []string{hook}})
		return err == nil && len(page.Items) == 2 && page.Items[0].Delivered == 2
	})

	b.click(`.who button`)
	b.until("signed out", `location.pathname === "/signin"`)
	b.quiet()
}
