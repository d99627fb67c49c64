//go:build linux

package crashtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// For a while the disk syncs nothing: every sync fails. What is appended then
// must not be acknowledged, for a power cut would take it. Afterwards appends
// succeed again, and what was acknowledged is there after a kill.
func TestWhatIsNotSyncedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "alma.db")
	l := start(t, db)
	var acked []int
	next := 0
	post := func() bool {
		next++
		event := map[string]any{"event_id": fmt.Sprintf("evt_sync_%d", next), "event_type": "CREATED", "memory_id": "m", "data": map[string]any{}}
		ok := l.call("POST", "/v1/events", event, 202, nil)
		if ok {
			acked = append(acked, next)
		}
		return ok
	}
	for range 5 {
		if !post() {
			t.Fatalf("an event was refused on a disk that works:\n%s", &l.errs)
		}
	}
	repair, ok := breakSyncs(t, l)
	if !ok {
		return
	}
	for range 5 {
		if post() {
			t.Errorf("event %d was acknowledged, though it was not synced", next)
		}
	}
	repair()
	for deadline := time.Now().Add(20 * time.Second); !post(); {
		if time.Now().After(deadline) {
			t.Fatalf("events are still refused after the disk was repaired:\n%s", &l.errs)
		}
	}
	l.kill()
	l = start(t, db)
	for _, n := range acked {
		if !l.call("GET", fmt.Sprintf("/v1/events/evt_sync_%d", n), nil, 200, nil) {
			t.Errorf("event %d was acknowledged and is not there", n)
		}
	}
	l.kill()
	intact(t, db)
}

// breakSyncs makes every sync of the program fail until repair is called. It
// needs strace, and the right to trace; without them the test is skipped, but
// not in CI.
func breakSyncs(t *testing.T, l *life) (repair func(), ok bool) {
	t.Helper()
	cmd := exec.Command("strace", "-f", "-o", os.DevNull, "-p", strconv.Itoa(l.cmd.Process.Pid),
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
	errs, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, unable(t, err.Error())
	}
	lines := bufio.NewScanner(errs)
	attached, said := false, ""
	for !attached && lines.Scan() {
		said = lines.Text()
		attached = strings.Contains(said, "attached")
	}
	end := func() {
		cmd.Process.Signal(syscall.SIGTERM) // It lets the program go on.
		for lines.Scan() {
		}
		cmd.Wait() // Ended by a signal: its error says no more.
	}
	if !attached {
		end()
		return nil, unable(t, said)
	}
	t.Cleanup(end)
	return end, true
}

func unable(t *testing.T, why string) bool {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("strace cannot break the syncs: %s", why)
	}
	t.Skipf("strace cannot break the syncs: %s", why)
	return false
}
