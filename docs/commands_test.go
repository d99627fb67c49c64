package docs

import (
	"bufio"
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // Makes the file of the Python library.
)

// A block of shell is marked, in the line before it, as
//
//	<!-- run: NAME -->       run, with others of that name in one document
//	<!-- not run: REASON --> not run, and why
//
// The name says what is there: see scenes.
var marked = regexp.MustCompile("(?ms)^(?:<!-- (run|not run): ([^>]*?) -->\n)?```sh\n(.*?)^```$")

// operatorsDocuments are those in which every block is run, or says why not.
var operatorsDocuments = []string{"migrating.md", "operations.md", "faq.md"}

// scenes are what a reader has when he comes to the commands.
var scenes = map[string]func(t *testing.T, s *scene){
	"server":  func(t *testing.T, s *scene) { s.serve(t) },
	"stopped": func(t *testing.T, s *scene) { s.serve(t)() },
	"python":  func(t *testing.T, s *scene) { s.serve(t); pythonLibrary(t, s.dir) },
}

// scene is a folder with the program on the path.
type scene struct {
	dir, alma string
	env       []string
}

var buildProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "alma-docs-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "alma")
	cmd := exec.Command("go", "build", "-o", name, "./cmd/alma")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if name, err := buildProgram(); err == nil {
		os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

// TestCommandsRun: the commands of the operator's documents work as they stand.
func TestCommandsRun(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	for _, name := range operatorsDocuments {
		scripts := map[string]string{}
		for _, m := range marked.FindAllStringSubmatch(read(t, name), -1) {
			switch {
			case m[1] == "":
				t.Errorf("%s: a block is neither run nor says why not:\n%s", name, m[3])
			case m[1] == "run" && scenes[m[2]] == nil:
				t.Errorf("%s: no scene %q; want one of %v", name, m[2], slices.Sorted(maps.Keys(scenes)))
			case m[1] == "run":
				scripts[m[2]] += m[3]
			}
		}
		for setting, script := range scripts {
			t.Run(name+" "+setting, func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				scenes[setting](t, s)
				cmd := exec.CommandContext(t.Context(), bash, "-e", "-u", "-o", "pipefail", "-c", script)
				cmd.Dir, cmd.Env = s.dir, s.env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s\n%s", err, script, out)
				}
			})
		}
	}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	program, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &scene{dir: dir, alma: program, env: []string{"HOME=" + dir, "PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH")}}
}

// serve starts a server on alma.db, which the commands reach as they stand. It
// is stopped at the end, or before by what is returned.
func (s *scene) serve(t *testing.T) (stop func()) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(s.alma, "serve", "--db", "alma.db", "--listen", "127.0.0.1:0", "--allow-cidr", "127.0.0.0/8")
	cmd.Dir, cmd.Env, cmd.Stderr = s.dir, s.env, &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v\n%s", err, &errs)
		}
	})
	t.Cleanup(stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving on "); ok {
			url, _, _ := strings.Cut(rest, ",")
			s.env = append(s.env, "ALMA_SERVER="+url)
			go io.Copy(io.Discard, out)
			return stop
		}
	}
	t.Fatalf("the server did not start:\n%s", &errs)
	return nil
}

// pythonLibrary makes .alma/alma.db as the Python library would.
func pythonLibrary(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, ".alma"), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, ".alma", "alma.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE heuristics (id TEXT PRIMARY KEY, agent TEXT, project_id TEXT, condition TEXT, strategy TEXT, confidence REAL, created_at TEXT, metadata TEXT);
		INSERT INTO heuristics VALUES ('h1', 'qa_tester', 'my-project', 'a form', 'Validate field by field', 0.8, '2026-01-01T08:00:00+00:00', '{}')`); err != nil {
		t.Fatal(err)
	}
}
