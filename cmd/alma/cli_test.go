package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
)

// lockedBuffer is an output that a test reads while a command writes.
type lockedBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

func newOutput() *lockedBuffer { return &lockedBuffer{changed: make(chan struct{}, 1)} }

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until the output holds a text.
func (l *lockedBuffer) await(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.changed:
		case <-timeout:
			t.Fatalf("the output never said %q:\n%s", text, l)
		}
	}
}

// command runs the program in this process and returns what it printed.
func command(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, stdio{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}

// terminal is a person at a shell whose server runs in this process.
type terminal struct {
	t    *testing.T
	node *node
	args []string
}

func newTerminal(t *testing.T) *terminal { return newTerminalWith(t, func(*nodeConfig) {}) }

func newTerminalWith(t *testing.T, change func(*nodeConfig)) *terminal {
	t.Helper()
	cfg := nodeConfig{
		db: filepath.Join(t.TempDir(), "alma.db"), listen: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler),
		stopGrace: 10 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	change(&cfg)
	n, err := startNode(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &terminal{t: t, node: n, args: []string{"--server", n.http.URL(), "--db", n.cfg.db}}
}

// do runs a command that must succeed.
func (c *terminal) do(args ...string) string {
	c.t.Helper()
	code, out, errs := command(c.t, "", append(args, c.args...)...)
	if code != exitDone {
		c.t.Fatalf("alma %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// fails runs a command that must fail, and returns what it said.
func (c *terminal) fails(want int, args ...string) string {
	c.t.Helper()
	code, out, errs := command(c.t, "", append(args, c.args...)...)
	if code != want {
		c.t.Fatalf("alma %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return errs
}

func wants(t *testing.T, what, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("%s does not say %q:\n%s", what, p, got)
		}
	}
}

func TestTheFirstSteps(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t, almatest.WithSecret("s3cret-of-mine"))
	listener.FailTimes(1, 500)

	wants(t, "an empty list", c.do("webhook", "list"), "alma webhook add")
	added := c.do("webhook", "add", listener.URL(), "--secret", "s3cret-of-mine", "--retry-delay", "10ms",
		"--header", "X-Team=core", "--description", "my first")
	id := regexp.MustCompile(`wh_\w+`).FindString(added)
	if strings.Contains(added, "s3cret-of-mine") {
		t.Error("the given secret is printed")
	}
	wants(t, "the list", c.do("webhook", "list"), id, "active", "healthy", "my first")

	var memory struct{ ID string }
	saved := c.do("memory", "save", "heuristic", "--agent", "qa", "--project", "shop", "strategy=Retry once", "confidence=0.8")
	if err := json.Unmarshal([]byte(saved), &memory); err != nil {
		t.Fatal(err)
	}
	listener.Wait(t.Context(), 2)
	wants(t, "memory list", c.do("memory", "list"), "Retry once", "qa", "shop")
	wants(t, "memory retrieve", c.do("memory", "retrieve", "retry", "--agent", "qa", "--project", "shop"), "Retry once")
	wants(t, "memory update", c.do("memory", "update", memory.ID, "confidence=0.9"), `"version": 2`, "0.9")
	wants(t, "a stale update", c.fails(exitFailed, "memory", "update", memory.ID, "--version", "1", "confidence=1"), "version")
	wants(t, "consolidate", c.do("memory", "consolidate", "heuristic", "--agent", "qa", "--project", "shop", "--dry-run"), `"dry_run": true`)
	c.do("memory", "delete", memory.ID)
	wants(t, "a deleted memory", c.fails(exitFailed, "memory", "get", memory.ID), "no such memory")

	listener.WaitEvents(t.Context(), 4) // CREATED, ACCESSED, UPDATED, DELETED.
	wants(t, "event list", c.do("event", "list"), "CREATED", "UPDATED", "ACCESSED", "DELETED")
	delivery := regexp.MustCompile(`dlv_\w+_1\b`).FindString(c.do("delivery", "list"))
	wants(t, "delivery show", c.do("delivery", "show", delivery), "SUCCESS", "attempt 1", "status_5xx", "attempt 2", "X-Team: ****")
	c.do("delivery", "retry", delivery)
	listener.Wait(t.Context(), 6)
	wants(t, "webhook test", c.do("webhook", "test", id), "taken", "204")
	wants(t, "webhook pause", c.do("webhook", "pause", id), "paused")
	wants(t, "webhook resume", c.do("webhook", "resume", id), "active")
	wants(t, "webhook edit", c.do("webhook", "edit", id, "--batch-size", "5", "--timeout", "3s"), `"batch_size": 5`, `"timeout": 3`)
	wants(t, "webhook edit --unset", c.do("webhook", "edit", id, "--unset", "batch_size"), `"batch_size": 1`)
	wants(t, "rotate-secret", c.do("webhook", "rotate-secret", id), "shown this once")
	c.do("webhook", "remove", id)
	wants(t, "a removed webhook", c.fails(exitFailed, "webhook", "show", id), "no such webhook")
}

func TestEventSend(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	args := append([]string{"event", "send", "-"}, c.args...)
	code, out, errs := command(t, `[{"event_id":"evt_mine","event_type":"ORDER_PAID","memory_id":"o-1"},{"event_id":"evt_mine","event_type":"ORDER_PAID","memory_id":"o-1"}]`, args...)
	if code != exitDone || !strings.Contains(out, "evt_mine") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	wants(t, "the summary", errs, "1 accepted, 1 known before")
	code, _, errs = command(t, `{"event_type":"order paid","memory_id":"","colour":"red"}`, args...)
	if code != exitFailed {
		t.Errorf("faulty event: exit %d", code)
	}
	wants(t, "the faults", errs, "event_type:", "memory_id:", "colour:")
}

func TestEventTailGoesOn(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	out := newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- run(ctx, append([]string{"event", "tail", "--type", "ORDER_PAID"}, c.args...), stdio{strings.NewReader(""), out, out})
	}()
	out.await(t, "Waiting for events")
	command(t, `{"event_type":"ORDER_PAID","memory_id":"o-1"}`, append([]string{"event", "send", "-"}, c.args...)...)
	out.await(t, "ORDER_PAID")
	cancel()
	if code := <-done; code != exitDone {
		t.Errorf("tail ended with %d\n%s", code, out)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	code, key, errs := command(t, "", append([]string{"key", "add", "ci", "--role", "read"}, c.args...)...)
	if code != exitDone {
		t.Fatal(errs)
	}
	key = strings.TrimSpace(key)
	if list := c.do("audit", "list", "--limit", "1"); !strings.Contains(list, "POST /keys") || !strings.Contains(list, "name project_id role") || !strings.Contains(list, "201") {
		t.Errorf("the audit log does not show the new key: %s", list)
	}
	if c.do("key", "add", "slow", "--rate-limit", "2.5/s"); !strings.Contains(c.do("key", "list"), "2.5/s") {
		t.Error("the limit of a key is not listed")
	}
	if list := c.do("key", "list"); strings.Contains(list, key) || !strings.Contains(list, "read") {
		t.Errorf("the list shows the key, or not its role:\n%s", list)
	}
	wants(t, "a read key that writes", c.fails(exitFailed, "webhook", "add", "https://example.com/", "--api-key", key), "role")
	wants(t, "a wrong key", c.fails(exitFailed, "webhook", "list", "--api-key", "alma_wrong"), "ALMA_API_KEY")
}

func TestUsageErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":  {[]string{"frobnicate"}, "alma --help"},
		"missing argument": {[]string{"webhook", "add"}, "alma webhook add"},
		"no members":       {[]string{"memory", "save", "heuristic"}, "name=value"},
		"bad member":       {[]string{"memory", "save", "heuristic", "strategy"}, "name=value"},
		"bad fail":         {[]string{"listen", "--fail", "lots"}, "500:3"},
		"unknown format":   {[]string{"sign", "--format", "morse", "--secret", "x", "-"}, "morse"},
		"bad server":       {[]string{"webhook", "list", "--server", "::"}, "http://127.0.0.1:2562"},
		"empty server":     {[]string{"webhook", "list", "--server", ""}, "ALMA_SERVER"},
		"server's scheme":  {[]string{"webhook", "list", "--server", "ftp://127.0.0.1"}, "http://127.0.0.1:2562"},
		"nothing to edit":  {[]string{"webhook", "edit", "wh_x"}, "nothing to change"},
		"nothing at all":   {nil, "webhook add"},
		"bad address":      {[]string{"serve", "--listen", "nonsense"}, "HOST:PORT"},
		"bad port":         {[]string{"demo", "--listen", "127.0.0.1:99999"}, "HOST:PORT"},
		"bad range":        {[]string{"serve", "--allow-cidr", "here"}, "127.0.0.0/8"},
		"half of https":    {[]string{"serve", "--tls-cert", "x"}, "--tls-key"},
		"negative grace":   {[]string{"serve", "--grace=-1s"}, "--grace"},
		"lease too short":  {[]string{"serve", "--lease=10ms"}, "--lease"},
		"database URL":     {[]string{"serve", "--db", "mysql://u:geheim@host/db"}, "postgres://"},
		"no database":      {[]string{"serve", "--db", ""}, "alma.db"},
		"short key":        {[]string{"serve", "--api-key", "short"}, "16 to 512"},
		"empty secret":     {[]string{"verify", "--secret", "", "-"}, "empty"},
		"listen unsure":    {[]string{"listen", "--secret", ""}, "empty"},
		"listen format":    {[]string{"listen", "--format", "morse"}, "want alma"},
		"secret and none":  {[]string{"webhook", "add", "http://127.0.0.1/", "--unsigned", "--secret", "x"}, "want one of the two"},
		"bad duration":     {[]string{"webhook", "add", "http://127.0.0.1/", "--timeout", "soon"}, "30s"},
		"bad status":       {[]string{"delivery", "list", "--status", "gone"}, "pending, success"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errs := command(t, "", tc.args...)
			if code != exitUsage || !strings.Contains(errs, tc.want) {
				t.Errorf("exit %d, %q; want %d and a hint with %q", code, errs, exitUsage, tc.want)
			}
			if strings.Contains(errs, "geheim") {
				t.Errorf("the message repeats a password: %s", errs)
			}
		})
	}
}

// A compose file passes variables on although nobody has set them.
func TestAnEmptyNameOfASettingsFileIsNone(t *testing.T) {
	t.Parallel()
	if code, _, errs := command(t, "", "version", "--config", ""); code != exitDone {
		t.Errorf("exit %d: %s; want it to do without", code, errs)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	code, _, errs := command(t, "", "webhook", "list", "--server", "http://127.0.0.1:1", "--api-key", "k")
	if code != exitFailed {
		t.Errorf("exit %d, want %d", code, exitFailed)
	}
	wants(t, "the error", errs, "no server answers", "alma serve")
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	// openssl dgst -sha256 -hmac your-secret-key
	const header = "X-ALMA-Signature: sha256=1bd12d1cc9d6e1ae0e7a87da4d1a3bc1e4b1f0bd"
	code, out, errs := command(t, `{"a":1}`, "sign", "--secret", "your-secret-key", "-")
	if code != exitDone || !strings.HasPrefix(out, "X-ALMA-Signature: sha256=") {
		t.Fatalf("sign: exit %d\n%s%s", code, out, errs)
	}
	code, said, errs := command(t, `{"a":1}`, "verify", "--secret", "your-secret-key", "-H", strings.TrimSpace(out), "-")
	if code != exitDone || !strings.Contains(said, "holds") {
		t.Errorf("verify: exit %d\n%s%s", code, said, errs)
	}
	for _, wrong := range []string{header, "X-Other: 1"} {
		if code, _, errs := command(t, `{"a":1}`, "verify", "--secret", "your-secret-key", "-H", wrong, "-"); code != exitFailed {
			t.Errorf("%s: exit %d, %s; want a failure", wrong, code, errs)
		}
	}
}

func TestSettingsPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alma.yaml")
	if err := os.WriteFile(file, []byte("server: http://127.0.0.1:3\nwait: 5s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) string {
		_, _, errs := command(t, "", append([]string{"webhook", "list", "--config", file}, args...)...)
		return errs
	}
	wants(t, "with a file", ask(), "127.0.0.1:3:")
	t.Setenv("ALMA_SERVER", "http://127.0.0.1:2")
	wants(t, "with a variable and a file", ask(), "127.0.0.1:2:")
	wants(t, "with all three", ask("--server", "http://127.0.0.1:1"), "127.0.0.1:1:")
	if err := os.WriteFile(file, []byte("sever: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := command(t, "", "webhook", "list", "--config", file)
	if code != exitUsage {
		t.Errorf("a typing error in the file: exit %d", code)
	}
	wants(t, "a typing error in the file", errs, "sever")
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	for start := range 2 {
		out := newOutput()
		ctx, ctrlC := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			done <- run(ctx, []string{"demo", "--dir", dir, "--listen", "127.0.0.1:0"}, stdio{strings.NewReader(""), out, out})
		}()
		out.await(t, "Ctrl-C ends the demo")
		ctrlC()
		if code := <-done; code != exitDone {
			t.Errorf("start %d ended with %d\n%s", start+1, code, out)
		}
		wants(t, "the demo", out.String(), "CREATED", "UPDATED", "ACCESSED", "CONSOLIDATED", "DELETED", "curl -X POST http://127.0.0.1:", "/signin?token=")
		if start == 1 {
			wants(t, "the second start", out.String(), "memories of an earlier demo: ")
		}
		if strings.Contains(out.String(), "ERROR") {
			t.Errorf("start %d logged an error:\n%s", start+1, out)
		}
	}
}

func TestListenPrintsVerifiedDeliveries(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	out := newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"listen", "--port", "0", "--secret", "s3cret", "--fail", "503:1"}, stdio{strings.NewReader(""), out, out})
	}()
	out.await(t, "Listening on ")
	url := regexp.MustCompile(`http://\S+`).FindString(out.String())
	c.do("webhook", "add", url, "--secret", "s3cret", "--retry-delay", "10ms")
	c.do("webhook", "add", url, "--secret", "another-secret", "--retry-delay", "10ms")
	c.do("memory", "save", "preference", "preference=Short answers")
	out.await(t, "verified")
	out.await(t, "refused")
	wants(t, "the listener", out.String(), "503, as --fail says", "Short answers", "attempt 1")
	delivery := regexp.MustCompile(`verified 204  attempt \d of (dlv_\w+)`).FindStringSubmatch(out.String())
	if delivery == nil {
		t.Fatalf("no delivery is named:\n%s", out)
	}
	for code, tries := exitFailed, 0; code != exitDone && tries < 1000; tries++ { // A conflict until the outcome is settled.
		code, _, _ = command(t, "", append([]string{"delivery", "retry", delivery[1]}, c.args...)...)
	}
	out.await(t, "a repeat of what was taken before")
	cancel()
	if code := <-done; code != exitDone {
		t.Errorf("listen ended with %d", code)
	}
}
