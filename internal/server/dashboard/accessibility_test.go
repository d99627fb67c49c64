package dashboard_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// mustBeNamed are the roles of what a person operates or is told of.
var mustBeNamed = []string{
	"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "spinbutton", "image", "img", "progressbar", "table", "DisclosureTriangle", "Date", "DateTime",
	"navigation", "region", "figure",
}

// exempt are named by what they hold.
var exempt = []string{"table", "figure"}

// TestEveryView looks at each page as a person gets it: as a screen reader reads
// it, in light and in dark colours, on a phone and on a wide screen.
func TestEveryView(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	b := newBrowser(t)
	for _, v := range r.views() {
		v.open(b)
		b.look(v.name)
	}
	b.do(chromedp.Navigate(r.url + "/overview"))
	b.do(chromedp.KeyEvent("\t"))
	if got := ask[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first Tab leads to %q, want the skip link", got)
	}
}

// TestEveryEmptyView does so with the pages of a server that holds nothing yet.
func TestEveryEmptyView(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	b.enter(r)
	for _, path := range []string{"/overview", "/events", "/webhooks", "/deliveries", "/failed", "/memories", "/replays", "/sources", "/audit", "/events?agent=nobody", "/events?since=nonsense"} {
		b.do(chromedp.Navigate(r.url + path))
		b.look("empty" + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path))
	}
}

// view is a page in a state that it can be in.
type view struct {
	name string
	open func(*browser)
}

// views are all there are, in an order in which they can be come to.
func (r *rig) views() []view {
	to := func(path string) func(*browser) {
		return func(b *browser) { b.do(chromedp.Navigate(r.url + path)) }
	}
	hook := "/webhooks/" + r.hook
	all := []view{
		{"signin", to("/signin")},
		{"signin-fault", func(b *browser) {
			b.fill(`#key`, "alma_wrong")
			b.click(`main button`)
			b.until("the fault", `document.querySelector(".notice.bad") !== null`)
		}},
		{"signin-link", to("/signin?token=x")},
		{"overview-first", func(b *browser) { b.enter(r) }},
		{"problem", to("/webhooks/wh_none")},
	}
	places := r.places()
	for _, name := range slices.Sorted(maps.Keys(places)) {
		all = append(all, view{name, to(places[name])})
	}
	return append(all,
		view{"webhook-faults", func(b *browser) {
			to("/webhooks/new")(b)
			b.fill(`#f-url`, "nonsense")
			b.fill(`#f-batch_size`, "many")
			b.click(`.settings .primary`)
			b.until("the faults", `document.querySelectorAll("[aria-invalid=true]").length === 2`)
		}},
		view{"webhook-conflict", func(b *browser) {
			to(hook + "/edit")(b)
			b.fill(`#f-description`, "mine")
			_, err := r.manager.Update(r.t.Context(), r.hook, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
				c.Description = "theirs"
				return nil
			})
			if err != nil {
				r.t.Fatal(err)
			}
			b.click(`.settings .primary`)
			b.until("the conflict", `document.querySelector("h1").textContent === "Edit webhook" && document.body.innerText.includes("Stored now")`)
		}},
		view{"webhook-test", func(b *browser) {
			to(hook)(b)
			b.click(`form[action$="/test"] button`)
			b.until("the attempt", `document.querySelector(".notice .facts") !== null`)
		}},
		view{"replay-fault", func(b *browser) {
			to(hook)(b)
			b.fill(`#r-since`, "2026-01-02T00:00")
			b.fill(`#r-until`, "2026-01-01T00:00")
			b.click(`#replay button`)
			b.until("the fault", `document.querySelector("#replay .fault") !== null`)
		}},
		view{"keys-faults", func(b *browser) {
			to("/keys")(b)
			b.fill(`#k-rate`, "fast")
			b.click(`#new-key .primary`)
			b.until("the faults", `document.querySelectorAll("#new-key .fault").length === 2`)
		}},
		view{"keys-secret", func(b *browser) {
			b.fill(`#k-name`, "ci")
			b.fill(`#k-rate`, "5")
			b.click(`#new-key .primary`)
			b.until("the key", `document.querySelector("#secret") !== null`)
		}},
		view{"sources-faults", func(b *browser) {
			to("/sources")(b)
			b.fill(`#s-name`, "Not Good")
			b.click(`form.card .primary`)
			b.until("the fault", `document.querySelector("form.card .fault") !== null`)
		}},
		view{"sources-secret", func(b *browser) {
			b.fill(`#s-name`, "library")
			b.click(`form.card .primary`)
			b.until("the secret", `document.querySelector("#secret") !== null`)
		}},
		view{"kept", func(b *browser) {
			to("/sources")(b)
			b.fill(`#s-name`, "typed")
			b.fill(`#s-description`, "while the store was there")
			r.lose()
			b.click(`form.card .primary`)
			b.until("what was typed", `document.querySelector("#kept") !== null`)
		}},
		view{"lost", func(b *browser) {
			to("/events")(b)
			b.until("that it waits", `document.querySelector("[data-retry]") !== null`)
			r.find()
		}},
	)
}

// look checks a page that is open.
func (b *browser) look(name string) {
	b.t.Helper()
	b.checkAccess(name)
	for _, width := range []int64{360, 900, 1600} {
		b.do(chromedp.EmulateViewport(width, 900))
		if wide := ask[int](b, `document.documentElement.scrollWidth - window.innerWidth`); wide > 0 {
			b.t.Errorf("%s is %d pixels too wide at %d", name, wide, width)
		}
		b.picture(name + "-light-" + itoa(width))
	}
	b.scheme("dark")
	for _, finding := range ask[[]string](b, findings) {
		b.t.Errorf("%s, dark: %s", name, finding)
	}
	for _, width := range []int64{360, 900, 1600} {
		if pictures() != "" {
			b.do(chromedp.EmulateViewport(width, 900))
			b.picture(name + "-dark-" + itoa(width))
		}
	}
	b.scheme("light")
}

// pictures is the folder for pictures of every view, for people to look at;
// none are taken without one.
func pictures() string { return os.Getenv("ALMA_SCREENSHOTS") }

func (b *browser) picture(name string) {
	b.t.Helper()
	if pictures() == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(pictures(), name+".png"), picture, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// checkAccess looks for serious findings in a page.
func (b *browser) checkAccess(name string) {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, node := range tree.Nodes {
		role := valueText(node.Role)
		if node.Ignored || !slices.Contains(mustBeNamed, role) || slices.Contains(exempt, role) {
			continue
		}
		if strings.TrimSpace(valueText(node.Name)) == "" {
			b.t.Errorf("%s: a %s has no name", name, role)
		}
	}
	for _, finding := range ask[[]string](b, findings) {
		b.t.Errorf("%s: %s", name, finding)
	}
}

func valueText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}

// findings looks for what the tree does not tell: order of headings,
// landmarks, labels, ids, language, contrast of words, targets that are small.
const findings = `(() => {
  const found = [];
  let last = 0;
  const heads = [...document.querySelectorAll("h1,h2,h3,h4")].filter((h) => h.checkVisibility());
  for (const h of heads) {
    const level = Number(h.tagName[1]);
    if (level > last + 1) found.push("heading " + h.textContent.trim() + " leaps from level " + last + " to " + level);
    last = level;
  }
  if (document.querySelectorAll("h1").length !== 1) found.push(document.querySelectorAll("h1").length + " headings of the first level");
  if (document.querySelectorAll("main").length !== 1) found.push("no main landmark");
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title.trim()) found.push("no title");
  const ids = [...document.querySelectorAll("[id]")].map((el) => el.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push("id " + id + " twice");
  for (const el of document.querySelectorAll("[aria-describedby],[aria-labelledby]"))
    for (const id of (el.getAttribute("aria-describedby") ?? el.getAttribute("aria-labelledby")).split(" "))
      if (!document.getElementById(id)) found.push("nothing of id " + id);
  for (const el of document.querySelectorAll("input:not([type=hidden]),select,textarea"))
    if (!el.labels.length && !el.ariaLabel) found.push("no label for " + el.name);
  for (const th of document.querySelectorAll("th")) if (!th.scope) found.push("a heading of a table without scope: " + th.textContent);
  for (const el of document.querySelectorAll("[tabindex]")) if (el.tabIndex > 0) found.push("tabindex over 0");
  const lum = (c) => { const v = c.map((x) => { x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; }); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  const rgb = (s) => (s.match(/[\d.]+/g) ?? []).map(Number);
  const ground = (el) => { for (; el; el = el.parentElement) { const c = rgb(getComputedStyle(el).backgroundColor); if (c.length >= 3 && (c[3] ?? 1) === 1) return c.slice(0, 3); } return [255, 255, 255]; };
  for (const el of document.querySelectorAll("main *, header *, footer")) {
    if (!el.checkVisibility() || ![...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || el.closest("svg") || el.closest(".visually-hidden")) continue;
    const a = lum(rgb(getComputedStyle(el).color).slice(0, 3)), g = lum(ground(el));
    const ratio = (Math.max(a, g) + 0.05) / (Math.min(a, g) + 0.05);
    if (ratio < 4.5) found.push("contrast " + ratio.toFixed(2) + " of " + el.textContent.trim().slice(0, 40));
  }
  return [...new Set(found)];
})()`
