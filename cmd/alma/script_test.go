package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/programtest"
)

const (
	scripts      = "testdata/script"
	scriptSecret = "the-secret-of-the-scripts"
	scriptKey    = "alma_key_of_the_scripts_0123456789abcdefghij"
)

// TestScripts runs the built program as a person at a shell does: each file of
// testdata/script is one, with a server and a listener of its own. $ALMA_SERVER
// and $ALMA_API_KEY lead the commands to the server, $LISTENER is where the
// listener is, $SECRET what it verifies with. Beside what testscript knows there are
//
//	arrives N          wait until the listener has got N requests
//	answer STATUS [N]  make it answer with a status, N times or from now on
//	mailed REGEXP      wait for a mail, which says so
//	consent yes|no     make it give its consent when it is asked, or refuse it
//	keep NAME REGEXP   put what the group matches in stdout into $NAME
//	until REGEXP COMMAND…  run a command again and again until its stdout says so
//	says FILE REGEXP   wait until a file of a command in the background says so
func TestScripts(t *testing.T) {
	t.Parallel()
	name, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 scripts,
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(2 * time.Minute),
		Setup:               func(env *testscript.Env) error { return setScene(env, name) },
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"arrives": arrives, "mailed": mailed, "answer": answers, "consent": consent, "keep": keep, "says": says, "until": until,
		},
	})
}

// sceneKey is where a script's listener is found, and mailsKey its mails.
type (
	sceneKey struct{}
	mailsKey struct{}
)

func setScene(env *testscript.Env, program string) error {
	t, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("testscript gives the scene no *testing.T any more")
	}
	listener := almatest.NewListener(t, almatest.WithSecret(scriptSecret))
	addr, mails := newMailServer(t)
	cfg := nodeConfig{
		db: filepath.Join(env.WorkDir, "server.db"), listen: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler), firstKey: scriptKey,
		stopGrace: 10 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if err := (&mailing{SMTP: "smtp://" + addr, From: "alma@example.com"}).into(&cfg); err != nil {
		return err
	}
	n, err := startNode(context.Background(), cfg)
	if err != nil {
		return err
	}
	env.Defer(func() { _ = n.stop(context.Background()) })
	env.Values[sceneKey{}], env.Values[mailsKey{}] = listener, mails
	env.Vars = append(env.Vars,
		"PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"),
		"ALMA_SERVER="+n.http.URL(), "ALMA_API_KEY="+scriptKey, "ALMA_DB="+filepath.Join(env.WorkDir, "server.db"),
		"LISTENER="+listener.URL(), "SECRET="+scriptSecret,
	)
	return nil
}

func listenerOf(ts *testscript.TestScript) *almatest.Listener {
	return ts.Value(sceneKey{}).(*almatest.Listener) // setScene puts it there.
}

func arrives(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(strings.Join(args, " "))
	if neg || err != nil {
		ts.Fatalf("usage: arrives N")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	listenerOf(ts).Wait(ctx, n)
}

func mailed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mailed REGEXP")
	}
	select {
	case mail := <-ts.Value(mailsKey{}).(letters): // setScene puts it there.
		if !regexp.MustCompile("(?m)" + args[0]).MatchString(mail) {
			ts.Fatalf("%s is not found in:\n%s", args[0], mail)
		}
	case <-time.After(20 * time.Second):
		ts.Fatalf("no mail comes")
	}
}

func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: answer STATUS [N]")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	if len(args) == 1 {
		listenerOf(ts).Answer(almatest.Status(status))
		return
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	listenerOf(ts).FailTimes(n, status)
}

func consent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "yes" && args[0] != "no" {
		ts.Fatalf("usage: consent yes|no")
	}
	listenerOf(ts).Refuse(args[0] == "no")
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME REGEXP")
	}
	out := ts.ReadFile("stdout")
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(out)
	if len(found) != 2 {
		ts.Fatalf("%s with one group is not found in:\n%s", args[1], out)
	}
	ts.Setenv(args[0], found[1])
}

func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: says FILE REGEXP")
	}
	want := regexp.MustCompile("(?m)" + args[1])
	text := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil {
			text = string(b)
		}
		if want.MatchString(text) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	ts.Fatalf("%s never says %s:\n%s", args[0], args[1], text)
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND…")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	ts.Fatalf("%s never says %s:\n%s", strings.Join(args[1:], " "), args[0], ts.ReadFile("stdout"))
}

// TestEveryCommandHasAScript: a command that no script runs is one that nobody
// has tried.
func TestEveryCommandHasAScript(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(scripts, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	var c cli
	parser, err := newParser(&c, &all, &all, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		name := strings.TrimSpace(commandPath(leaf, " "))
		if !regexp.MustCompile(`(?m)^(!? ?exec|until \S+) (sh -c '(exec )?)?alma ` + name + `\b`).MatchString(all.String()) {
			t.Errorf("no script of %s runs alma %s", scripts, name)
		}
	}
}
