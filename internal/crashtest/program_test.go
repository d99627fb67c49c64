package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma/internal/programtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	programtest.Remove()
	os.Exit(code)
}

const adminKey = "alma_crash_test_key_0123456789abcdefghijkl"

// life is the program running, from a start to its end.
type life struct {
	cmd    *exec.Cmd
	url    string
	client *http.Client
	errs   bytes.Buffer
	done   chan struct{}
	once   sync.Once
}

// start begins a life on a database and waits until it serves.
func start(t *testing.T, db string) *life {
	t.Helper()
	name, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	l := &life{done: make(chan struct{}), client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	l.cmd = exec.Command(name, "serve", "--db", db, "--listen", "127.0.0.1:0", "--allow-cidr", "127.0.0.0/8", "--log-level", "error")
	l.cmd.Env = []string{"HOME=" + t.TempDir(), "ALMA_API_KEY=" + adminKey}
	l.cmd.Stderr = &l.errs
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving on "); ok {
			l.url, _, _ = strings.Cut(rest, ",")
			break
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		l.cmd.Wait() // Killed: its error says no more.
		close(l.done)
	}()
	if l.url == "" {
		<-l.done
		t.Fatalf("the server did not start:\n%s", &l.errs)
	}
	return l
}

// kill ends the life at once.
func (l *life) kill() {
	l.once.Do(func() {
		l.cmd.Process.Kill() // It may have ended.
		<-l.done
		l.client.CloseIdleConnections()
	})
}

// call makes a request; ok says that the whole answer came, with the status.
func (l *life) call(method, path string, body any, want int, answer any) (ok bool) {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body) // Maps and strings.
	}
	req, err := http.NewRequestWithContext(context.Background(), method, l.url+path, bytes.NewReader(text))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close() // It is read to its end.
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		return false
	}
	return answer == nil || json.Unmarshal(got, answer) == nil
}
