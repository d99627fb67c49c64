package dashboard_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/alma-events/alma"
)

// Each time is drawn, with what was done in it.
func TestOverviewOverItsTimes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC()
	for age, events := range map[time.Duration]int64{5 * time.Minute: 60, 5 * time.Hour: 6000, 100 * time.Hour: 600_000} {
		m := alma.StatsMinute{Minute: now.Add(-age).Truncate(time.Minute), Node: "n", Stats: alma.Stats{Events: events, Delivered: events, Attempts: map[alma.Reason]int64{"": events}}}
		if err := r.store.AddStats(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	b := newBrowser(t)
	b.enter(r)
	for _, tc := range []struct{ name, events, layout string }{
		{"24h", "6\u202f060", `^\\d\\d:\\d\\d$`}, {"7d", "606\u202f060", `^[A-Z][a-z]{2} \\d+$`}, {"15m", "60", `^\\d\\d:\\d\\d$`},
	} {
		b.click(`.tabs a[href="?range=` + tc.name + `"]`)
		b.until("the figures of "+tc.name, `document.querySelector(".tabs [aria-current]").textContent === "`+tc.name+`" && document.querySelector(".tiles dd").textContent === "`+tc.events+`"`)
		if n := ask[int](b, `document.querySelectorAll(".chart").length`); n != 4 {
			t.Errorf("%s: %d charts", tc.name, n)
		}
		if !ask[bool](b, `document.querySelector(".chart path.s1[d^=M]") !== null && document.querySelector("#live .none") !== null`) {
			t.Errorf("%s: the throughput is not drawn, or the latency of nothing is", tc.name)
		}
		if !ask[bool](b, `new RegExp("`+tc.layout+`").test(document.querySelector(".chart text[text-anchor=start]").textContent)`) {
			t.Errorf("%s: the time is written %s", tc.name, ask[string](b, `document.querySelector(".chart text[text-anchor=start]").textContent`))
		}
	}
	b.do(chromedp.Navigate(r.url + "/overview?range=99y"))
	b.until("the usual time", `document.querySelector(".tabs [aria-current]").textContent === "15m"`)
	b.quiet()
}

// The greatest backlogs are named, the others summed up.
func TestBacklogNamesTheGreatest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 25 {
		w := alma.WebhookConfig{URL: r.listener.URL(), Description: "hook " + itoa(int64(i)), Active: new(false)}
		if i == 0 {
			w.TypeFilter = []alma.MemoryType{"item_loan"} // It waits for fewer.
		}
		if _, err := r.manager.Add(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		r.append("library")
	}
	if _, err := r.manager.Append(t.Context(), alma.Event{Type: "CREATED", MemoryID: "m"}); err != nil {
		t.Fatal(err)
	}
	body := r.visitor(r.admin).get("/overview").body
	backlog := between(body, `aria-label="Backlog per webhook"`, "</table>")
	if rows := regexp.MustCompile(`<a href="/webhooks/wh_`).FindAllString(backlog, -1); len(rows) != 20 {
		t.Errorf("%d webhooks are named, want 20", len(rows))
	}
	if strings.Contains(backlog, "hook 0<") {
		t.Error("the one that waits for the fewest is named")
	}
	if rest := between(backlog, "5 others</td>", "</tr>"); !strings.Contains(rest, `>19<`) { // 4 × 4 and 3.
		t.Errorf("the others: %s", rest)
	}
}
