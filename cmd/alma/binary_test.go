package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/internal/programtest"
)

func TestMain(m *testing.M) {
	code := pgtest.Wrap(m).Run()
	programtest.Remove()
	os.Exit(code)
}

// process is a server that runs as a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	key  string
	errs *bytes.Buffer
	done chan error
}

// serve starts `alma serve` on a database and waits until it says where.
func serve(t *testing.T, db string, args ...string) *process {
	t.Helper()
	name, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"serve", "--db", db, "--listen", "127.0.0.1:0", "--allow-cidr", "127.0.0.0/8", "--log-level", "warn"}, args...)
	p := &process{t: t, cmd: exec.Command(name, args...), errs: &bytes.Buffer{}, done: make(chan error, 1)}
	p.cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	p.cmd.Stderr = p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
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
		<-p.done
		t.Fatalf("the server did not start:\n%s", p.errs)
	}
	key, err := os.ReadFile(db + ".key")
	if err != nil {
		t.Fatal(err)
	}
	p.key = strings.TrimSpace(string(key))
	return p
}

// kill ends the process as a power cut would. It may be called twice.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.wait()
}

func (p *process) wait() error {
	err := <-p.done
	p.done <- err
	return err
}

// call makes a request and returns status and body.
func (p *process) call(method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

func (p *process) must(want int, method, path, body string) []byte {
	p.t.Helper()
	status, raw, err := p.call(method, path, body)
	if err != nil || status != want {
		p.t.Fatalf("%s %s: %d, %v, %s; want %d\n%s", method, path, status, err, raw, want, p.errs)
	}
	return raw
}

// TestKilledInTheMiddle kills the server with SIGKILL in the middle of 5,000
// deliveries, while more events are taken, starts it again, and checks that
// every event that was acknowledged arrives, and that only what was in flight
// arrives twice.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	const events, window = 5000, 64
	db := filepath.Join(t.TempDir(), "alma.db")
	listener := almatest.NewListener(t, almatest.WithSecret("crash-secret"))
	p := serve(t, db)
	var webhook struct {
		ID string `json:"id"`
	}
	settings := fmt.Sprintf(`{"url":%q,"secret":"crash-secret","max_in_flight":%d,"active":false}`, listener.URL(), window)
	if err := json.Unmarshal(p.must(201, "POST", "/v1/webhooks", settings), &webhook); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	add := func(ids []string) bool {
		for _, id := range ids {
			acknowledged[id] = true
		}
		return ids != nil
	}
	for i := range events / 100 {
		if !add(appendBatch(p, fmt.Sprint("before-", i), 100)) {
			t.Fatalf("events were refused:\n%s", p.errs)
		}
	}
	p.must(200, "POST", "/v1/webhooks/"+webhook.ID+"/resume", "")
	appending := make(chan struct{})
	go func() {
		defer close(appending)
		for i := 0; add(appendBatch(p, fmt.Sprint("during-", i), 1)); i++ { // Until it is killed.
		}
	}()
	listener.WaitEvents(t.Context(), events/2)
	p.kill()
	<-appending
	atKill := len(listener.Requests())
	if atKill >= len(acknowledged) {
		t.Logf("all %d events had arrived before the kill", atKill)
	}

	serve(t, db)
	repeats := 0
	for id, n := range waitFor(t, listener, acknowledged) {
		repeats += n - 1
		if n > 2 {
			t.Errorf("event %s arrived %d times; one kill explains two", id, n)
		}
	}
	if repeats > 2*window {
		t.Errorf("%d repeats; at most two windows of %d can have been in flight", repeats, window)
	}
	t.Logf("%d acknowledged, %d requests before the kill, %d repeated", len(acknowledged), atKill, repeats)
}

func appendBatch(p *process, name string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"event_type":"CREATED","memory_id":"m-%s-%d","memory_type":"heuristic","data":{"strategy":"x"}}`, name, i)
	}
	status, raw, err := p.call("POST", "/v1/events", "["+strings.Join(list, ",")+"]")
	if err != nil || status != http.StatusAccepted {
		return nil
	}
	var answer struct {
		EventIDs []string `json:"event_ids"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil
	}
	return answer.EventIDs
}

// waitFor waits until every id has arrived, and returns how often each event has.
func waitFor(t *testing.T, listener *almatest.Listener, ids map[string]bool) map[string]int {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		arrived := map[string]int{}
		missing := 0
		for _, e := range listener.Events() {
			arrived[e.ID]++
		}
		for id := range ids {
			if arrived[id] == 0 {
				missing++
			}
		}
		if missing == 0 {
			return arrived
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d acknowledged events never arrived", missing, len(ids))
		}
	}
}

// TestStopsCleanly lets the request in flight finish on SIGTERM, and finds its
// data again.
func TestStopsCleanly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	db := filepath.Join(t.TempDir(), "alma.db")
	listener := almatest.NewListener(t, almatest.WithSecret("clean-secret"))
	listener.Next(almatest.Hang())
	p := serve(t, db)
	p.must(201, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":"clean-secret"}`, listener.URL()))
	p.must(202, "POST", "/v1/events", `{"event_type":"CREATED","memory_id":"m-1"}`)
	listener.Wait(t.Context(), 1)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	listener.Release()
	if err := p.wait(); err != nil {
		t.Errorf("the server ended with %v; want exit code 0\n%s", err, p.errs)
	}
	again := serve(t, db)
	if raw := again.must(200, "GET", "/v1/deliveries", ""); !strings.Contains(string(raw), `"SUCCESS"`) {
		t.Errorf("after the restart the delivery is %s; want its success to be stored", raw)
	}
	if n := len(listener.Requests()); n != 1 {
		t.Errorf("%d requests; the delivery that had finished was made again", n)
	}
}

func TestASecondServerOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "alma.db")
	serve(t, db)
	name, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(name, "serve", "--db", db, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), db) {
		t.Errorf("the second server: %v\n%s\nwant a refusal that names the file", err, out)
	}
}
