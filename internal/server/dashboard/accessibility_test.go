package dashboard_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// mustBeNamed are the roles of what a person operates or is told of.
var mustBeNamed = []string{
	"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "spinbutton", "image", "img", "progressbar", "table", "DisclosureTriangle", "Date", "DateTime",
	"navigation", "region", "figure",
}

// exempt are named by what they hold.
var exempt = []string{"table", "figure"}

// TestAccessibility reads every page as a screen reader gets it.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	b := newBrowser(t)
	b.do(chromedp.Navigate(r.url + "/signin"))
	b.checkAccess("signin")
	b.enter(r)
	places := r.places()
	places["problem"] = "/webhooks/wh_none"
	for name, path := range places {
		b.do(chromedp.Navigate(r.url + path))
		b.checkAccess(name)
	}
	b.scheme("dark")
	for _, name := range []string{"overview", "webhook", "webhook-new", "delivery", "failed"} {
		b.do(chromedp.Navigate(r.url + places[name]))
		b.checkAccess(name + ", dark")
	}
	b.do(chromedp.Navigate(r.url + "/overview"))
	b.do(chromedp.KeyEvent("\t"))
	if got := ask[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first Tab leads to %q, want the skip link", got)
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
