package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// completed asks bash what it would offer for a line; the last word is the one
// that is being typed.
func completed(t *testing.T, bash, script string, line ...string) []string {
	t.Helper()
	quoted := make([]string, len(line))
	for i, w := range line {
		quoted[i] = "'" + w + "'"
	}
	program := fmt.Sprintf("%s\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_alma\nprintf '%%s\\n' \"${COMPREPLY[@]}\"",
		script, strings.Join(quoted, " "), len(line)-1)
	out, err := exec.CommandContext(t.Context(), bash, "--norc", "-c", program).CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	code, script, errs := command(t, "", "completion", "bash")
	if code != exitDone {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		name        string
		line        []string
		want, never []string
	}{
		{"commands", []string{"alma", ""}, []string{"serve", "webhook", "completion"}, []string{"add", "--help"}},
		{"the beginning of one", []string{"alma", "se"}, []string{"serve", "secret"}, []string{"webhook"}},
		{"commands of a group", []string{"alma", "webhook", ""}, []string{"add", "rotate-secret"}, []string{"serve"}},
		{"flags", []string{"alma", "serve", "--"}, []string{"--listen", "--db", "--log-level"}, []string{"--retry-count"}},
		{"flags of a subcommand", []string{"alma", "webhook", "add", "--re"}, []string{"--retry-count"}, []string{"--listen"}},
		{"values of a flag", []string{"alma", "event", "list", "--output", ""}, []string{"table", "json"}, []string{"--output"}},
		{"values after =", []string{"alma", "event", "list", "--output", "=", "j"}, []string{"json"}, []string{"table"}},
		{"values of a common flag", []string{"alma", "webhook", "add", "--log-level", "d"}, []string{"debug"}, nil},
		{"values of an argument", []string{"alma", "completion", ""}, []string{"bash", "zsh", "fish"}, nil},
		{"a value is no command", []string{"alma", "--db", "serve", "webh"}, []string{"webhook"}, nil},
		{"free values are left to bash", []string{"alma", "serve", "--db", ""}, nil, []string{"serve", "--db", "table"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := completed(t, bash, script, c.line...)
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("%q is not offered for %q: %q", w, c.line, got)
				}
			}
			for _, w := range c.never {
				if slices.Contains(got, w) {
					t.Errorf("%q is offered for %q", w, c.line)
				}
			}
		})
	}
}

// TestScriptsParse: each shell that is here reads its script, and each script
// knows every command.
func TestScriptsParse(t *testing.T) {
	t.Parallel()
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			code, script, errs := command(t, "", "completion", shell)
			if code != exitDone {
				t.Fatal(errs)
			}
			for _, leaf := range model(t).Leaves(true) {
				if path := commandPath(leaf, "/"); !strings.Contains(script, "'"+path+"'") {
					t.Errorf("the script does not know %s", path)
				}
			}
			name, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("the script is not run: there is no %s here", shell)
			}
			cmd := exec.CommandContext(t.Context(), name, append(check, write(t, filepath.Join(t.TempDir(), "script"), script))...)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestManPage: it names every command, flag and variable, and groff has nothing
// to complain of.
func TestManPage(t *testing.T) {
	t.Parallel()
	code, page, errs := command(t, "", "man")
	if code != exitDone {
		t.Fatal(errs)
	}
	for _, leaf := range model(t).Leaves(true) {
		wants(t, "the page", page, `.SS "alma`+hyphens(commandPath(leaf, " ")))
		for _, group := range leaf.AllFlags(true) {
			for _, f := range group {
				wants(t, "the page", page, hyphens("--"+f.Name))
				wants(t, "the page", page, f.Envs...)
			}
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff here")
	}
	cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tascii", "-ww", "-z")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

func TestCompletionOfAnUnknownShell(t *testing.T) {
	t.Parallel()
	code, _, errs := command(t, "", "completion", "tcsh")
	if code != exitUsage {
		t.Errorf("exit %d", code)
	}
	wants(t, "the error", errs, "bash", "zsh", "fish", "tcsh")
}

// write makes a file and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func hyphens(s string) string { return strings.ReplaceAll(s, "-", `\-`) }

// model is the command line as kong knows it.
func model(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := newParser(&cli{}, t.Output(), t.Output(), func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// commandPath is the way to a command, each step after a separator.
func commandPath(n *kong.Node, separator string) string {
	if n.Type == kong.ApplicationNode {
		return ""
	}
	return commandPath(n.Parent, separator) + separator + n.Name
}
