package dashboard_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// browserTime bounds a test in the browser, pictureTime one that takes pictures.
const (
	browserTime = 2 * time.Minute
	pictureTime = 8 * time.Minute
)

// chromium is a headless Chromium that all tests share: to start one takes
// longer than most of what is done in it. Each test has its own cookies in it.
type chromium struct {
	ctx    context.Context
	cancel context.CancelFunc
	folder string
}

var theBrowser = sync.OnceValues(func() (*chromium, error) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		return nil, exec.ErrNotFound
	}
	folder, err := os.MkdirTemp("", "alma-chromium-")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(folder))
	whole, cancelAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(whole, chromedp.WithErrorf(func(string, ...any) {}))
	c := &chromium{ctx: ctx, cancel: func() { cancel(); cancelAll() }, folder: folder}
	if err := chromedp.Do(ctx); err != nil {
		c.stop()
		return nil, err
	}
	running.Store(c)
	return c, nil
})

var running atomic.Pointer[chromium]

func (c *chromium) stop() {
	_ = chromedp.Cancel(c.ctx) // Unlike cancel it waits for the browser's end.
	c.cancel()
	_ = os.RemoveAll(c.folder)
}

// tests are all of the package; with the last one the browser ends.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if c := running.Load(); c != nil {
		c.stop()
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// newBrowser opens a window; without a Chromium the test is skipped, except
// where nothing may be missing.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	c, err := theBrowser()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true" {
		t.Skip("no Chromium is installed")
	}
	if err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	whole, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(whole) })
	if err := chromedp.Do(whole); err != nil {
		t.Fatalf("no window opens: %v", err)
	}
	if _, err := chromedp.Call(whole, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	most := browserTime
	if pictures() != "" {
		most = pictureTime
	}
	ctx, cancel := context.WithTimeout(whole, most)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.said = append(b.said, m)
			b.mu.Unlock()
		}
	}()
	return b
}

// browser is a window of the Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu   sync.Mutex
	said []chromedp.ConsoleMessage // On its console.
}

// quiet fails the test when the browser complained of anything but answers
// that were refused on purpose: of scripts, styles, or what the
// Content-Security-Policy forbids.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.said {
		if m.Source != "network" && (m.IsException() || m.Type == "error" || m.Type == "warning") {
			b.t.Errorf("the browser says: %s (%s)", m, m.Source)
		}
	}
}

// do makes steps one after another.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		where, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("at %s: %v", where, err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression holds, over new pages too.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		held, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && (`+expression+`)`))
		if err == nil && held {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.slice(0, 2000)`))
			b.t.Fatalf("never came: %s (%s, %v)\n%s", what, expression, err, text)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// click clicks what a selector finds, when the page has come to rest. A page
// that is put in anew in between is looked at again.
func (b *browser) click(selector string) {
	b.t.Helper()
	var err error
	for range 5 {
		b.until(selector, "document.querySelector("+strconv.Quote(selector)+") !== null")
		if err = chromedp.Do(b.ctx, chromedp.Click(selector)); err == nil {
			return
		}
	}
	b.t.Fatalf("%s cannot be clicked: %v", selector, err)
}

// fill puts a value into a field.
func (b *browser) fill(selector, value string) {
	b.t.Helper()
	b.until(selector, "document.querySelector("+strconv.Quote(selector)+") !== null")
	ask[bool](b, `((el) => { el.focus(); el.value = `+strconv.Quote(value)+`; el.dispatchEvent(new Event("input", { bubbles: true })); return el.value !== ""; })(document.querySelector(`+strconv.Quote(selector)+`))`)
}

// scheme sets what the person prefers: light or dark.
func (b *browser) scheme(name string) {
	b.t.Helper()
	look := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, look); err != nil {
		b.t.Fatal(err)
	}
}

// enter signs the browser in by a one-time link.
func (b *browser) enter(r *rig) {
	b.t.Helper()
	token, _ := r.sessions.Link(hashOf(r.admin))
	b.do(chromedp.Navigate(r.url + "/signin?token=" + token))
	b.click(`main button`)
	b.until("the overview", `document.querySelector("header.top") !== null && location.pathname === "/overview"`)
}
