//go:build unix

package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a program may take to be ready, or to print what a
// document shows, on a machine that does much else.
const patience = time.Minute

// TestCommandsRun: the commands of all documents work as they stand there, one
// after the other, and print what the document shows.
func TestCommandsRun(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash here")
	}
	for file, text := range documents(t) {
		plays := map[string][]fenced{}
		for _, b := range fencedBlocks(text) {
			if b.mark != "" && b.mark != "not run" {
				plays[b.note] = append(plays[b.note], b)
			}
		}
		for setting, blocks := range plays {
			t.Run(strings.TrimPrefix(file, root+"/")+" "+setting, func(t *testing.T) {
				t.Parallel()
				if prepare := scenes[kind(setting)]; prepare != nil { // TestCommandsAreMarked tells.
					play(t, prepare(t), blocks)
				}
			})
		}
	}
}

func play(t *testing.T, s *scene, blocks []fenced) {
	t.Helper()
	for _, b := range blocks {
		switch b.mark {
		case "run":
			s.run(t, b.body)
		case "goes on":
			s.start(t, b.body)
		case "printed":
			for line := range strings.Lines(b.body) {
				if !s.said.waitFor(shown(line)) {
					t.Errorf("line %d: not printed: %s\nbut\n%s", b.line, line, s.said)
				}
			}
		}
	}
}

// command is a script as a reader would run it: with the addresses of this scene
// for those of the document.
func (s *scene) command(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("bash", "-e", "-u", "-o", "pipefail", "-c", s.here().Replace(script))
	cmd.Dir, cmd.Env = s.dir, slices.Concat(s.env, []string{"ALMA_SERVER=" + s.server})
	cmd.Stdout, cmd.Stderr = s.said, s.said
	return cmd
}

// here replaces what stands for something else in another place.
func (s *scene) here() *strings.Replacer {
	return strings.NewReplacer(
		"http://127.0.0.1:2562", s.server, "https://127.0.0.1:2562", s.server, "http://127.0.0.1:8080", s.listener, "--port 8080", "--port 0", "wh_…", s.webhook,
	)
}

func (s *scene) run(t *testing.T, script string) {
	t.Helper()
	if err := s.command(t, script).Run(); err != nil {
		t.Fatalf("%v\n%s\nprinted so far:\n%s", err, script, s.said)
	}
}

// ready is what programs that go on print when they are.
var ready = regexp.MustCompile(`(?m)^Serving on (http\S+),|^Listening on (http\S+)/ |Ctrl-C ends the demo`)

// start runs a program until the end of the scene, when it has to end as it
// should after Ctrl-C.
func (s *scene) start(t *testing.T, script string) (stop func()) {
	t.Helper()
	cmd := s.command(t, script)
	said := newTranscript()
	cmd.Stdout = said.and(s.said)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- cmd.Wait()
		said.close()
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // Bash and what it has started, as a terminal does.
		err := <-done
		if strings.HasPrefix(script, "go run ") {
			return // It has a status of its own when it is interrupted.
		}
		if err != nil {
			t.Errorf("%s\nended with %v\n%s", script, err, s.said)
		}
	}
	t.Cleanup(stop)
	if !said.waitFor(ready) {
		t.Fatalf("%s\nis not ready:\n%s", script, s.said)
	}
	m := ready.FindStringSubmatch(said.String())
	if m[1] != "" {
		s.server = m[1]
	}
	if m[2] != "" {
		s.listener = m[2]
	}
	return stop
}

// varies is what differs from run to run in what is printed.
var varies = regexp.MustCompile(`…|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?:dlv|wh|evt|src|aud|rpl)_[\w-]+|[0-9]+`)

// shown turns a line that a document shows into what it stands for.
func shown(line string) *regexp.Regexp {
	line = strings.TrimSpace(line)
	pattern, at := "", 0
	for _, m := range varies.FindAllStringIndex(line, -1) {
		pattern += regexp.QuoteMeta(line[at:m[0]])
		switch found := line[m[0]:m[1]]; {
		case found == "…":
			pattern += ".*"
		case found[0] >= '0' && found[0] <= '9' && len(found) < 36:
			pattern += "[0-9]+"
		default:
			pattern += `[\w-]+`
		}
		at = m[1]
	}
	return regexp.MustCompile(pattern + regexp.QuoteMeta(line[at:]))
}

// TestMakeTargets: what the documents tell to make is in the Makefile.
func TestMakeTargets(t *testing.T) {
	t.Parallel()
	makefile := read(t, filepath.Join(root, "Makefile"))
	for name, text := range documents(t) {
		for _, m := range regexp.MustCompile("`make ([a-z-]+)`").FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s tells to make %s, which the Makefile does not know", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile("`(?:go test|go doc|bash) (\\./[\\w/]+|scripts/\\S+)`").FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s: %v", name, fmt.Errorf("%s: %w", m[0], err))
			}
		}
	}
}
