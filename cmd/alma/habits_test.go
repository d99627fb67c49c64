package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
)

// What people type out of habit works, or tells them what does.
func TestHabits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ args, want string }{
		{"help", "webhook add"}, {"help serve", "--allow-cidr"}, {"help webhook", "rotate-secret"},
		{"--version", "alma "}, {"version", "alma "},
	} {
		code, out, errs := command(t, "", strings.Fields(tc.args)...)
		if code != exitDone || !strings.Contains(out, tc.want) {
			t.Errorf("alma %s: exit %d, want 0 and %q\n%s%s", tc.args, code, tc.want, out, errs)
		}
	}
}

// A start that cannot succeed leaves nothing behind.
func TestServeThatCannotStartMakesNothing(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, args := range map[string][]string{
		"address in use": {"--listen", taken.Addr().String()},
		"no certificate": {"--tls-cert", "missing.pem", "--tls-key", "missing.pem"},
		"no authorities": {"--ca-file", "missing.pem"},
	} {
		dir := t.TempDir()
		args = append([]string{"serve", "--listen", "127.0.0.1:0", "--db", filepath.Join(dir, "alma.db")}, args...)
		code, _, errs := command(t, "", args...)
		if code != exitFailed || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, want %d and one line\n%s", name, code, exitFailed, errs)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: left behind are %v, %v", name, left, err)
		}
	}
}

// When the key cannot be written down, nobody is locked out.
func TestFirstKeyIsNotLost(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "alma.db")
	if err := os.Mkdir(db+".key", 0o700); err != nil {
		t.Fatal(err)
	}
	code, _, errs := command(t, "", "serve", "--db", db, "--listen", "127.0.0.1:0")
	if code != exitFailed {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if err := os.Remove(db + ".key"); err != nil {
		t.Fatal(err)
	}
	p := serve(t, db)
	p.must(200, "GET", "/v1/keys", "")
}

func TestServeTellsOfAKeyThatCameTooLate(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "alma.db")
	first := serve(t, db)
	first.kill()
	p := serve(t, db, "--api-key", "a-key-that-comes-too-late")
	p.kill()
	wants(t, "the log", p.errs.String(), "does not work")
	if strings.Contains(p.errs.String(), "a-key-that-comes") {
		t.Errorf("the log holds the key:\n%s", p.errs)
	}
	p = serve(t, db, "--api-key", first.key)
	p.kill()
	if p.errs.Len() > 0 {
		t.Errorf("a key that works is complained about:\n%s", p.errs)
	}
}

// A secret in the environment is for new webhooks: an edit of something else
// must not change a stored one.
func TestEditLeavesTheSecretAlone(t *testing.T) {
	c := newTerminal(t)
	listener := almatest.NewListener(t)
	id := regexp.MustCompile(`wh_\w+`).FindString(c.do("webhook", "add", listener.URL(), "--unsigned"))
	t.Setenv("ALMA_SECRET", "exported-for-the-listener")
	wants(t, "webhook edit", c.do("webhook", "edit", id, "--description", "x"), `"signed": false`)
	wants(t, "webhook edit --secret", c.do("webhook", "edit", id, "--secret", "given-on-purpose"), `"signed": true`)
	added := c.do("webhook", "add", listener.URL(), "-o", "json")
	wants(t, "webhook add", added, `"secret_hint": "ener"`)
}

func TestWebhookFlags(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t)
	var w struct {
		ID            string
		Timeout       float64
		RetrySchedule []float64 `json:"retry_schedule"`
		Headers       map[string]string
		Events        []string
	}
	out := c.do("webhook", "add", listener.URL(), "--timeout", "5", "--retry-schedule", "1,1m30s", "--header", "Cookie=a=1; b=2", "--event", "A,B", "--event", "ALMA_TEST", "-o", "json")
	if err := json.Unmarshal([]byte(out), &w); err != nil {
		t.Fatal(err)
	}
	if w.Timeout != 5 || len(w.RetrySchedule) != 2 || w.RetrySchedule[1] != 90 || len(w.Headers) != 1 || len(w.Events) != 3 {
		t.Errorf("made %+v", w)
	}
	c.do("webhook", "test", w.ID)
	if got := listener.Wait(t.Context(), 1)[0].Header.Get("Cookie"); got != "a=1; b=2" {
		t.Errorf("sent the cookie %q", got)
	}
	wants(t, "a misspelt --unset", c.fails(exitFailed, "webhook", "edit", w.ID, "--unset", "timeuot"), "timeuot")
}

func TestMembersOfMemories(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	saved := c.do("memory", "save", "preference", "preference=12345", `quoted="7"`, "number=12345678901234567890", "html=<b>", "list=[1, 2]")
	wants(t, "memory save", saved, `"preference": "12345"`, `"quoted": "7"`, `"number": 12345678901234567890`, `"html": "<b>"`)
	args := append([]string{"memory", "save", "heuristic", "--data", "-"}, c.args...)
	code, out, errs := command(t, `{"strategy":"s","z":1.0,"a":2}`, args...)
	if code != exitDone || strings.Index(out, `"z": 1.0`) > strings.Index(out, `"a": 2`) {
		t.Errorf("the order and the numbers of a file: exit %d\n%s%s", code, out, errs)
	}
}

// With --json, the output is for programs: bodies that were verified, nothing
// else.
func TestListenJSON(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	out, errs := newOutput(), newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"listen", "--port", "0", "--secret", "s3cret", "--fail", "500:1", "--json"}, stdio{strings.NewReader(""), out, errs})
	}()
	errs.await(t, "Listening on ")
	url := regexp.MustCompile(`http://\S+`).FindString(errs.String())
	c.do("webhook", "add", url, "--secret", "forged", "--project", "theirs")
	id := regexp.MustCompile(`wh_\w+`).FindString(c.do("webhook", "add", url, "--secret", "s3cret", "--project", "ours", "--retry-delay", "10ms"))
	c.do("memory", "save", "preference", "preference=x", "--project", "theirs")
	errs.await(t, "as --fail says")
	c.do("memory", "save", "preference", "preference=y", "--project", "ours")
	out.await(t, "CREATED")
	c.do("webhook", "remove", id)
	cancel()
	<-done
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1 || !json.Valid([]byte(lines[0])) || !strings.Contains(lines[0], `"ours"`) {
		t.Errorf("printed\n%s", out)
	}
}

// A tail that has seen nothing yet survives a restart of its server as well.
func TestEventTailSurvivesARestart(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "alma.db")
	p := serve(t, db)
	address := strings.TrimPrefix(p.url, "http://")
	out, errs := newOutput(), newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"event", "tail", "--server", p.url, "--api-key", p.key, "--agent", "late"}, stdio{strings.NewReader(""), out, errs})
	}()
	errs.await(t, "Waiting for events")
	p.kill()
	errs.await(t, "trying again")
	p = serve(t, db, "--listen", address)
	p.must(202, "POST", "/v1/events", `{"event_type":"A","memory_id":"m-late","agent":"late"}`)
	out.await(t, "m-late")
	cancel()
	if code := <-done; code != exitDone {
		t.Errorf("tail ended with %d\n%s", code, errs)
	}
}

func TestDemoWhereThePortIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	out := newOutput()
	ctx, ctrlC := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"demo", "--dir", dir, "--listen", taken.Addr().String()}, stdio{strings.NewReader(""), out, out})
	}()
	out.await(t, "Ctrl-C ends the demo")
	wants(t, "the demo", out.String(), "is in use", "curl -X POST http://127.0.0.1:")
	code, _, errs := command(t, "", "demo", "--dir", dir, "--listen", "127.0.0.1:0")
	if code != exitFailed {
		t.Errorf("a second demo in the folder: exit %d", code)
	}
	wants(t, "a second demo in the folder", errs, "another demo", "--dir")
	ctrlC()
	if code := <-done; code != exitDone {
		t.Errorf("the demo ended with %d\n%s", code, out)
	}
}

// Whenever Ctrl-C comes, the demo ends cleanly.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"", "Saving", "Updating", "Merging"} {
		out := newOutput()
		ctx, ctrlC := context.WithCancel(t.Context())
		if word == "" {
			ctrlC()
		}
		done := make(chan int)
		go func() {
			done <- run(ctx, []string{"demo", "--dir", filepath.Join(t.TempDir(), "demo"), "--listen", "127.0.0.1:0"}, stdio{strings.NewReader(""), out, out})
		}()
		if word != "" {
			out.await(t, word)
		}
		ctrlC()
		if code := <-done; code != exitDone || strings.Contains(out.String(), "canceled") {
			t.Errorf("interrupted at %q: exit %d\n%s", word, code, out)
		}
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	headers := []string{"ID", "URL", "DESCRIPTION"}
	rows := [][]string{{"wh_4guwy45mndrxjths", "https://example.com/a/rather/long/path", "ein schöner Text"}}
	natural := columnWidths(headers, rows)
	for limit, want := range map[int][]int{0: {19, 38, 16}, 200: {19, 38, 16}, 60: {19, 21, 16}, 52: {19, 15, 14}, 20: {19, 12, 11}} {
		got := fit(headers, append([]int{}, natural...), limit)
		if len(got) != 3 || got[0] != want[0] || got[1]+got[2] != want[1]+want[2] {
			t.Errorf("in %d columns the widths are %v, want like %v", limit, got, want)
		}
	}
	if got, want := tableLine([]string{"a\x1b[2J", "\u009b"}, []int{9, 9}), "a\uFFFD[2J      \uFFFD"; got != want {
		t.Errorf("control characters are printed as %q, want %q", got, want)
	}
	if got, want := tableLine([]string{"a", "äöü-long", "z"}, []int{2, 5, 3}), "a   äöü-…  z"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"5": 5 * time.Second, "0.5": 500 * time.Millisecond, "90s": 90 * time.Second, "1h": time.Hour, "-1": -time.Second} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%q is %v, %v; want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "soon", "NaN", "Inf", "1e300", "5 s"} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %v", text, time.Duration(s))
		}
	}
}
