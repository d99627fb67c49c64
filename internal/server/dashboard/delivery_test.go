package dashboard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/server/dashboard"
)

// TestNextAttemptIsCountedDown: to the second, and not for a webhook that is
// paused, whose attempts come when it is resumed.
func TestNextAttemptIsCountedDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.listener.Answer(almatest.Status(http.StatusServiceUnavailable))
	w, err := r.manager.Add(t.Context(), alma.WebhookConfig{URL: r.listener.URL(), RetryDelay: new(90 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	r.append("library")
	var list alma.Page[alma.Delivery]
	r.until("a retry waits", func() bool {
		list, err = r.manager.Deliveries(t.Context(), alma.DeliveryQuery{})
		return err == nil && len(list.Items) == 1 && !list.Items[0].NextAttemptAt.IsZero()
	})
	b := newBrowser(t)
	b.enter(r)
	counts := `/^in 1 h (29|28) min$/.test(document.querySelector("[data-countdown]")?.textContent)`
	b.do(chromedp.Navigate(r.url + "/deliveries"))
	b.until("the countdown in the list", counts)
	b.do(chromedp.Navigate(r.url + "/deliveries/" + list.Items[0].ID))
	b.until("the countdown", counts)
	// Again and again: the page may be refreshed meanwhile.
	at := func(when, shows string) string {
		return `(el => { el.dateTime = ` + when + `; return ` + shows + `.test(el.textContent) })(document.querySelector("[data-countdown]"))`
	}
	b.until("its last minute", at(`new Date(Date.now() + 42500).toISOString()`, `/^in 4[0-3] s$/`))
	b.until("what is over", at(`"2026-01-02T03:04:05.67Z"`, `/^due since 2026-01-02 03:04:05$/`))
	if _, err := r.manager.Pause(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	b.until("that it is held", `document.querySelector("[data-countdown]") === null && document.querySelector("#delivery-live").textContent.includes("held: the webhook is paused; resume it")`)
}

func TestCurlIsCopied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	b := newBrowser(t)
	b.enter(r)
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		allow := cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: name}, Setting: cdpbrowser.PermissionSettingGranted, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID}
		if _, err := chromedp.CallBrowser(b.ctx, cdpbrowser.SetPermission, allow); err != nil {
			t.Fatal(err)
		}
	}
	b.do(chromedp.Navigate(r.url + "/deliveries/" + r.failed))
	b.click(`[data-copy=curl]`)
	b.until("that it was copied", `document.querySelector("[data-copy=curl]").textContent === "Copied"`)
	copied, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if shown := ask[string](b, `document.querySelector("#curl").textContent`); copied != shown || !strings.HasPrefix(copied, "curl -i -X POST") {
		t.Errorf("copied %q, shown %q", copied, shown)
	}
	b.until("the button again", `document.querySelector("[data-copy=curl]").textContent === "Copy as curl"`)
	b.quiet()
}

func TestWhatHoldsAnAttemptBack(t *testing.T) {
	t.Parallel()
	past, soon := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	for _, tc := range []struct {
		state, health string
		next          time.Time
		want          string
	}{
		{"active", "healthy", past, ""},
		{"active", "failing", past, ""},
		{"active", "dead", soon, ""},
		{"active", "dead", past, "only tried now and then"},
		{"paused", "healthy", soon, "is paused; resume it"},
		{"disabled", "dead", past, "is disabled; resume it"},
		{"pending_activation", "healthy", past, "activate the webhook"},
	} {
		got := dashboard.Held(tc.state, tc.health, tc.next)
		if !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%s, %s: %q, want %q", tc.state, tc.health, got, tc.want)
		}
	}
}
