package dashboard_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// tail opens the live tail in a browser.
func (r *rig) tail(b *browser, query string) {
	r.t.Helper()
	b.do(chromedp.Navigate(r.url + "/live" + query))
	b.tailIs("live")
}

func (b *browser) tailIs(state string) {
	b.t.Helper()
	b.until("the tail is "+state, `document.querySelector("#tail-state")?.textContent === "`+state+`"`)
}

// rows waits until the tail shows so many events, each once.
func (b *browser) rows(n int64) {
	b.t.Helper()
	b.until(itoa(n)+" events, each once", `document.querySelectorAll("#tail tbody tr").length === `+itoa(n)+` && new Set([...document.querySelectorAll("#tail a")].map((a) => a.href)).size === `+itoa(n))
}

// TestBrokenTailGoesOnWithoutAGap takes the network away, and then the store,
// while events are appended: before the tail has seen any event, and after.
func TestBrokenTailGoesOnWithoutAGap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	b.enter(r)
	r.append("library") // It is over.
	r.tail(b, "?project_id=library")
	all := int64(0)
	for range 2 {
		r.front.cut()
		r.append("library")
		b.tailIs("reconnecting")
		r.append("library")
		r.append("others")
		r.front.mend()
		all += 2
		b.rows(all)

		r.lose() // The API refuses the stream until it is back.
		r.append("library")
		b.tailIs("reconnecting")
		r.append("library")
		r.find()
		all += 2
		b.rows(all)
	}
	b.tailIs("live")
}

// Sessions end with the server: the tail leads to sign-in, and back.
func TestTailSignsInAgainAfterARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	b.enter(r)
	r.tail(b, "?agent=desk")
	r.restart()
	b.until("sign-in", `location.pathname === "/signin" && document.querySelector("[name=next]").value === "/live?agent=desk"`)
	b.fill(`#key`, r.admin)
	b.click(`main button`)
	b.tailIs("live")
	r.append("library")
	b.rows(1)
}

// After the restore of a backup the log ends before what was seen.
func TestTailBeginsAnewWhenTheLogIsShorter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	b.enter(r)
	r.append("library")
	end, err := r.store.Horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.tail(b, "")
	r.append("library")
	b.rows(1)
	r.store.restored.Store(&end)
	r.front.cut()
	b.tailIs("reconnecting")
	r.front.mend()
	b.until("that it begins anew", `!document.querySelector("#tail-note").hidden && document.querySelector("#tail-note").textContent.includes("begins anew") && document.querySelector("#tail-state").textContent === "live"`)
}

// A tail that is paused for long says that it does not keep everything.
func TestPausedTailSaysWhatItDrops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	b.enter(r)
	r.tail(b, "")
	b.click(`#tail-pause`)
	b.tailIs("paused, 0 waiting")
	for range 203 {
		r.append("library")
	}
	b.tailIs("paused, 203 waiting, the newest 200 are kept")
	if role := ask[string](b, `document.querySelector("#tail-state").getAttribute("role") ?? ""`); role != "" {
		t.Errorf("a screen reader hears each of them: the badge has the role %s", role)
	}
	b.click(`#tail-pause`)
	b.rows(200)
	b.tailIs("live")
}
