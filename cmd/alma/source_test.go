package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/wire"
)

// postIn sends a body to a source, signed in the alma format.
func (c *terminal) postIn(source, secret, body string) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.node.http.URL()+"/in/"+source, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("X-ALMA-Signature", wire.SignAlma(secret, []byte(body)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestSourcesFromTheShell(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	const body = `{"event_type":"ORDER_PAID","memory_id":"order-17","data":{}}`
	wants(t, "an empty list", c.do("source", "list"), "alma source add")

	added := c.do("source", "add", "shop", "--project", "mine", "--description", "the shop's till")
	wants(t, "what was added", added, "shop", c.node.http.URL()+"/in/shop", "secret:")
	secret := strings.TrimSpace(regexp.MustCompile(`secret: (\S+)`).FindStringSubmatch(added)[1])
	if status := c.postIn("shop", secret, body); status != http.StatusOK {
		t.Errorf("a signed call: %d", status)
	}
	if status := c.postIn("shop", "guessed", body); status != http.StatusUnauthorized {
		t.Errorf("a forged call: %d", status)
	}
	wants(t, "the events", c.do("event", "list", "--output", "json"), "ORDER_PAID", `"mine"`)

	wants(t, "the list", c.do("source", "list"), "shop", "alma", "yes", "mine", "the shop's till")
	shown := c.do("source", "show", "shop")
	wants(t, "the source", shown, "/in/shop", secret[len(secret)-4:])
	if strings.Contains(shown, secret) {
		t.Error("the secret is shown again")
	}
	var source map[string]any
	if err := json.Unmarshal([]byte(c.do("source", "show", "shop", "--output", "json")), &source); err != nil || source["project_id"] != "mine" {
		t.Errorf("as JSON: %v, %v", source, err)
	}

	rotated := c.do("source", "rotate-secret", "shop", "--overlap", "1h")
	wants(t, "the rotation", rotated, "secret:")
	if status := c.postIn("shop", secret, body+" "); status != http.StatusOK {
		t.Errorf("the former secret during the overlap: %d", status)
	}
	wants(t, "the list during the overlap", c.do("source", "list"), "two secrets until")
	c.do("source", "rotate-secret", "shop", "--secret", "a-secret-of-ours")
	if status := c.postIn("shop", secret, body+"  "); status != http.StatusUnauthorized {
		t.Errorf("the former secret after the overlap: %d", status)
	}
	if status := c.postIn("shop", "a-secret-of-ours", body+"  "); status != http.StatusOK {
		t.Errorf("the new secret: %d", status)
	}
	c.do("source", "remove", "shop")
	if status := c.postIn("shop", "a-secret-of-ours", body); status != http.StatusNotFound {
		t.Errorf("a removed source: %d", status)
	}
}

// TestTheDocumentNamesInbound: what the platform calls is described as well.
func TestTheDocumentNamesInbound(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Security  []any
			Responses map[string]any
		}
	}
	if err := (&connection{Server: c.node.http.URL(), DB: c.node.cfg.db, Wait: span(time.Minute)}).call(t.Context(), http.MethodGet, "/openapi.json", nil, nil, &doc); err != nil {
		t.Fatal(err)
	}
	for method, status := range map[string]string{"post": "401", "get": "405"} {
		op := doc.Paths["/in/{source}"][method]
		if op.Responses[status] == nil || len(op.Security) != 0 {
			t.Errorf("%s is described as %+v", method, op)
		}
	}
}

func TestSourceMistakes(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	c.do("source", "add", "open", "--unsigned")
	wants(t, "an unsigned one", c.do("source", "list"), "open", "no")
	wants(t, "a taken name", c.fails(exitFailed, "source", "add", "open"), "taken")
	wants(t, "a bad name", c.fails(exitFailed, "source", "add", "Not/Good"), "lower-case")
	wants(t, "an unknown format", c.fails(exitFailed, "source", "add", "x", "--format", "y"), "exlibris")
	wants(t, "an unsigned exlibris", c.fails(exitFailed, "source", "add", "x", "--format", "exlibris", "--unsigned"), "secret")
	wants(t, "two ways", c.fails(exitUsage, "source", "add", "x", "--unsigned", "--secret", "y"), "one of the two")
	wants(t, "an empty secret", c.fails(exitUsage, "source", "add", "x", "--secret", ""), "is empty")
	wants(t, "an unknown source", c.fails(exitFailed, "source", "show", "nobody"), "no such source")
}

// TestACapturedWebhookIsSentAgain, in JSON and in XML.
func TestACapturedWebhookIsSentAgain(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	dir := t.TempDir()
	for name, body := range map[string]string{
		"captured.json": `{"id":"7","action":"LOAN","institution":{"value":"01MYLIB","desc":"My library"},"time":"2026-01-28T12:00:00.123Z","event":{"value":"LOAN_CREATED","desc":"Loan created"},"item_loan":{"loan_id":"in-json"}}`,
		"captured.xml":  `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><webhook><id>7</id><action>LOAN</action><institution desc="My library">01MYLIB</institution><time>2026-01-28T12:00:00.123Z</time><event desc="Loan created">LOAN_CREATED</event><item_loan><loan_id>in-xml</loan_id></item_loan></webhook>`,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		first, second := c.do("event", "send", "--format", "exlibris", file), c.do("event", "send", "--format", "exlibris", file)
		if first == second {
			t.Errorf("%s: sent two times, it is one event: %s", name, first)
		}
	}
	wants(t, "the events", c.do("event", "list"), "LOAN_CREATED", "in-json", "in-xml", "01MYLIB")
	wants(t, "an unknown format", c.fails(exitFailed, "event", "send", "--format", "nonsense", filepath.Join(dir, "captured.json")), "exlibris")
}
