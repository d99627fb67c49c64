//go:build unix

package clustertest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/internal/programtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Wrap(building{m})) }

// building removes the program that was built when the tests are done.
type building struct{ *testing.M }

// Run implements [pgtest.Tests].
func (b building) Run() int {
	defer programtest.Remove()
	return b.M.Run()
}

const adminKey = "a-key-for-tests-only"

// process is a server that runs as a process of its own.
type process struct {
	name string
	cmd  *exec.Cmd
	url  string
	log  *logFile
	done chan error
}

// logFile is what a server wrote.
type logFile struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p) //nolint:wrapcheck // It never fails.
}

func (l *logFile) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server and waits until it says where it listens.
func serve(t *testing.T, name, db string, lease time.Duration) *process {
	t.Helper()
	binary, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: name, log: &logFile{}, done: make(chan error, 1)}
	p.cmd = exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--allow-cidr", "127.0.0.0/8", "--node-name", name, "--lease", lease.String())
	p.cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "ALMA_DB=" + db, "ALMA_API_KEY=" + adminKey, "ALMA_SECRET_KEY=a2V5LW9mLTMyLWJ5dGVzLWZvci10ZXN0cy1vbmx5ISE="}
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.kill()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving on "); ok {
			p.url, _, _ = strings.Cut(rest, ",")
			break
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		p.done <- p.cmd.Wait()
	}()
	if p.url == "" {
		p.wait()
		t.Fatalf("%s did not start:\n%s", name, p.log)
	}
	return p
}

func (p *process) signal(s os.Signal) {
	p.cmd.Process.Signal(s)
}

// kill ends the process as a power cut would. It may be called twice.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	p.wait()
}

func (p *process) wait() error {
	err := <-p.done
	p.done <- err
	return err
}
