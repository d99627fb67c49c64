package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alma-events/alma/almatest"
)

// declaration is a config file with all sections.
func declaration(url string) string {
	return fmt.Sprintf(`log-level: warn
webhooks:
  - name: analytics
    url: %s
    secret: ${DECLARED_SECRET}
    events: [CREATED]
    headers: {X-Token: "${DECLARED_SECRET}-token"}
    retry_schedule: [1, 2]
  - name: open
    url: %s
    secret: null
    batch_size: 10
sources:
  - name: library
    format: exlibris
    secret: ${DECLARED_SECRET}
keys:
  - name: shop
    role: ingest
    key: ${DECLARED_KEY}
`, url, url)
}

const (
	declaredSecret = "a-declared-secret-of-a-webhook"
	declaredKey    = "a-declared-key-of-the-shop"
)

func declaredEnv(t *testing.T) {
	t.Helper()
	t.Setenv("DECLARED_SECRET", declaredSecret)
	t.Setenv("DECLARED_KEY", declaredKey)
}

// TestApply declares at a running server: a dry run changes nothing, a second
// run finds nothing to do, an edit is a diff without secrets, and only with the
// flag is anything removed.
func TestApply(t *testing.T) {
	declaredEnv(t)
	c := newTerminal(t)
	listener := almatest.NewListener(t, almatest.WithSecret(declaredSecret))
	c.do("webhook", "add", listener.URL(), "--description", "by hand")
	file := write(t, filepath.Join(t.TempDir(), "alma.yaml"), declaration(listener.URL()))
	apply := func(args ...string) string {
		t.Helper()
		out := c.do(append([]string{"apply", "--config", file}, args...)...)
		if strings.Contains(out, declaredSecret) || strings.Contains(out, declaredKey) {
			t.Errorf("a secret is shown:\n%s", out)
		}
		return out
	}
	wants(t, "the dry run", apply("--dry-run"), "+ webhook analytics", "+ source library", "+ key shop", "Nothing was changed", "4 changed, 0 unchanged")
	wants(t, "the first run", apply(), "+ webhook analytics", "+ webhook open", "4 changed, 0 unchanged")
	wants(t, "the second run", apply(), "0 changed, 4 unchanged")

	code, _, errs := command(t, `{"event_type":"CREATED","memory_id":"m"}`, "event", "send", "-", "--server", c.node.http.URL(), "--api-key", declaredKey)
	if code != exitDone {
		t.Fatalf("the declared key does not work: %s", errs)
	}
	var verified bool
	for _, got := range listener.Wait(t.Context(), 2) {
		verified = verified || got.Verified && got.Header.Get("X-Token") == declaredSecret+"-token"
	}
	if !verified {
		t.Error("no delivery was signed with the declared secret")
	}

	edited := strings.NewReplacer("events: [CREATED]", "events: [DELETED]", "role: ingest", "role: read", "format: exlibris", "format: alma").Replace(declaration(listener.URL()))
	write(t, file, edited)
	wants(t, "an edit", apply(), "~ webhook analytics", `events: ["CREATED"] → ["DELETED"]`, "~ source library", "~ key shop", "3 changed, 1 unchanged")
	wants(t, "the edit again", apply(), "0 changed, 4 unchanged")
	t.Setenv("DECLARED_SECRET", declaredSecret+"-2")
	wants(t, "other secrets", apply(), `secret: "********" → "********"`, `headers: "********" → "********"`, "~ source library")
	wants(t, "pruning", apply("--prune-undeclared"), "- webhook wh_", "1 changed, 4 unchanged")
	wants(t, "what is left", apply("--prune-undeclared"), "0 changed, 4 unchanged")
	if out := c.do("webhook", "list"); strings.Count(out, "wh_") != 2 {
		t.Errorf("webhooks are\n%s", out)
	}
}

// TestPausedStaysPaused: what an operator does at run time is not undone where
// the file does not speak of it.
func TestPausedStaysPaused(t *testing.T) {
	declaredEnv(t)
	c := newTerminal(t)
	file := write(t, filepath.Join(t.TempDir(), "alma.yaml"), "webhooks:\n  - {name: one, url: 'http://127.0.0.1:1/', secret: null}\n")
	c.do("apply", "--config", file)
	id := strings.Fields(c.do("webhook", "list"))
	for _, word := range id {
		if strings.HasPrefix(word, "wh_") {
			c.do("webhook", "pause", word)
		}
	}
	wants(t, "the second run", c.do("apply", "--config", file), "0 changed, 1 unchanged")
	wants(t, "the webhook", c.do("webhook", "list"), "paused")
}

func TestApplyFaultsHaveLines(t *testing.T) {
	c := newTerminal(t)
	file := write(t, filepath.Join(t.TempDir(), "alma.yaml"), `webhooks:
  - url: https://example.com/
    secret: null
  - name: one
    url: ftp://example.com
    retry_cuont: 3
    timeout: 100
  - name: one
    url: https://example.com/
    secret: null
sources:
  - name: BIG
    format: nonsense
keys:
  - name: k
    role: root
    key: short
`)
	errs := c.fails(exitUsage, "apply", "--config", file)
	for _, want := range []string{
		":2: webhooks[0].name: missing", ":5: webhooks[1].url:", ":6: webhooks[1].retry_cuont: unknown member", ":7: webhooks[1].timeout:",
		":4: webhooks[1].secret: missing", ":8: webhooks[2].name: was declared before", ":12: sources[0].name:", ":13: sources[0].format:", ":16: keys[0].role:", ":17: keys[0].key:",
	} {
		wants(t, "the error", errs, file+want)
	}
	if out := c.do("webhook", "list"); strings.Contains(out, "wh_") {
		t.Errorf("something was made:\n%s", out)
	}
	unset := write(t, filepath.Join(t.TempDir(), "alma.yaml"), "webhooks:\n  - name: one\n    url: https://example.com/\n    secret: ${DECLARED_NOWHERE}\n")
	wants(t, "an unset variable", c.fails(exitUsage, "apply", "--config", unset), unset+":4: webhooks[0].secret: the variable DECLARED_NOWHERE is not set")
	empty := write(t, filepath.Join(t.TempDir(), "alma.yaml"), "log-level: info\n")
	wants(t, "nothing declared", c.fails(exitUsage, "apply", "--config", empty), "declares nothing")
}

// TestServeDeclares: the same at the start of a server, which refuses to start
// on a declaration that cannot be.
func TestServeDeclares(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, "alma.db")
	file := write(t, filepath.Join(dir, "alma.yaml"), "webhooks:\n  - {name: one, url: 'http://127.0.0.1:1/', secret: a-declared-secret}\nkeys:\n  - {name: shop, role: read, key: a-declared-key-of-the-shop}\n")
	var first string
	for range 2 {
		p := serve(t, db, "--config", file)
		listed := p.pages("/v1/webhooks")
		if len(listed) != 1 || listed[0]["name"] != "one" || listed[0]["version"] != 1.0 {
			t.Fatalf("webhooks are %v", listed)
		}
		if id := listed[0]["id"].(string); first != "" && id != first {
			t.Errorf("the second start made %s anew, as %s", first, id)
		} else {
			first = id
		}
		if keys := p.pages("/v1/keys"); len(keys) != 2 {
			t.Errorf("keys are %v", keys)
		}
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		p.wait()
	}
	bad := write(t, filepath.Join(dir, "bad.yaml"), "webhooks:\n  - {name: two, url: 'ftp://example.com', secret: null}\n")
	code, _, errs := command(t, "", "serve", "--db", db, "--listen", "127.0.0.1:0", "--config", bad)
	if code != exitUsage {
		t.Errorf("exit %d", code)
	}
	wants(t, "the error", errs, bad+":2: webhooks[0].url")
}
