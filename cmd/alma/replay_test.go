package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
)

var replayName = regexp.MustCompile(`rpl_\w+`)

// send appends events about memories of an agent.
func (c *terminal) send(agent string, memories ...string) {
	c.t.Helper()
	events := make([]map[string]any, len(memories))
	for i, m := range memories {
		events[i] = map[string]any{"event_type": "ORDER_PAID", "memory_id": m, "agent": agent, "data": map[string]any{"name": "private"}}
	}
	body, err := json.Marshal(events)
	if err != nil {
		c.t.Fatal(err)
	}
	if code, _, errs := command(c.t, string(body), append([]string{"event", "send", "-"}, c.args...)...); code != exitDone {
		c.t.Fatal(errs)
	}
}

func TestReplayFromTheShell(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t, almatest.WithSecret("s3cret-of-mine"))
	hook := regexp.MustCompile(`wh_\w+`).FindString(c.do("webhook", "add", listener.URL(), "--secret", "s3cret-of-mine"))
	wants(t, "an empty list", c.do("replay", "list"), "alma webhook replay")
	c.send("qa", "o-1", "o-2", "o-3")
	listener.Wait(t.Context(), 3)

	wants(t, "a followed replay", c.do("webhook", "replay", hook, "--follow"), "is done: 3 delivered")
	listener.Wait(t.Context(), 6)
	begun := c.do("webhook", "replay", hook, "--since", "2000-01-01T00:00:00Z")
	replay := replayName.FindString(begun)
	wants(t, "the answer", begun, "about 3 events", "alma replay follow "+replay)
	wants(t, "replay follow", c.do("replay", "follow", replay), "is done: 3 delivered")
	wants(t, "replay show", c.do("replay", "show", replay), replay, "done", "100 % of about 3 events: 3 delivered")
	wants(t, "replay list", c.do("replay", "list", "--webhook", hook), replay, "done", "100 %")
	var shown replayAnswer
	if err := json.Unmarshal([]byte(c.do("replay", "show", replay, "-o", "json")), &shown); err != nil || shown.Looked != 3 {
		t.Errorf("shown %+v, %v", shown, err)
	}
	wants(t, "a canceled one", c.fails(exitFailed, "replay", "cancel", replay), "is done")

	c.do("webhook", "pause", hook)
	waiting := replayName.FindString(c.do("webhook", "replay", hook, "--status", "success"))
	wants(t, "one that waits", c.do("replay", "show", waiting), "running", "the webhook is paused")
	wants(t, "replay pause", c.do("replay", "pause", waiting), "paused")
	wants(t, "replay resume", c.do("replay", "resume", waiting), "running")
	wants(t, "replay cancel", c.do("replay", "cancel", waiting), "canceled by an operator")
	wants(t, "following it", c.fails(exitFailed, "replay", "follow", waiting), "canceled")
	wants(t, "a wrong state", c.fails(exitUsage, "replay", "list", "--state", "over"), "running, paused, done")
	wants(t, "the faults", c.fails(exitFailed, "webhook", "replay", hook, "--status", "pending", "--from", "!"), "status:", "from:")
}

func TestRetryOfAllThatFailed(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t, almatest.WithSecret("s3cret-of-mine"))
	hook := regexp.MustCompile(`wh_\w+`).FindString(c.do("webhook", "add", listener.URL(), "--secret", "s3cret-of-mine", "--retry-count", "0"))
	listener.FailTimes(3, 500)
	c.send("qa", "o-1", "o-2", "o-3")
	c.await([]string{"delivery", "list", "--status", "failed"}, func(out string) bool { return strings.Count(out, "FAILED") == 3 })

	wants(t, "for another reason", c.do("delivery", "retry", "--failed", "--reason", "timeout"), "No failed delivery")
	out := c.do("delivery", "retry", "--failed", "--webhook", hook)
	wants(t, "the answer", out, "3 failed deliveries", "alma replay follow")
	wants(t, "its replay", c.do("replay", "follow", replayName.FindString(out)), "3 delivered")
	wants(t, "what is left", c.do("delivery", "list", "--status", "failed"), "No deliveries")

	ids := regexp.MustCompile(`dlv_\w+`).FindAllString(c.do("delivery", "list"), 2)
	if got := strings.Count(c.do(append([]string{"delivery", "retry"}, ids...)...), "attempted now"); got != 2 {
		t.Errorf("%d deliveries are attempted now, want 2", got)
	}
	for _, args := range [][]string{{"delivery", "retry"}, {"delivery", "retry", "--failed", ids[0]}, {"delivery", "retry", ids[0], "--webhook", hook}} {
		wants(t, "wrong use", c.fails(exitUsage, args...), "--failed")
	}
}

// await repeats a command until its output holds what is waited for.
func (c *terminal) await(args []string, holds func(out string) bool) {
	c.t.Helper()
	deadline := time.Now().Add(almatest.Patience)
	for !holds(c.do(args...)) {
		if time.Now().After(deadline) {
			c.t.Fatalf("alma %s never printed what was waited for:\n%s", strings.Join(args, " "), c.do(args...))
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestFollowingTellsFailures(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	listener := almatest.NewListener(t, almatest.WithSecret("s3cret-of-mine"))
	hook := regexp.MustCompile(`wh_\w+`).FindString(c.do("webhook", "add", listener.URL(), "--secret", "s3cret-of-mine", "--retry-count", "0"))
	c.send("qa", "o-1")
	listener.Wait(t.Context(), 1)
	c.await([]string{"delivery", "list", "--status", "success"}, func(out string) bool { return strings.Contains(out, "SUCCESS") })
	listener.FailTimes(1, 500)
	wants(t, "following", c.fails(exitFailed, "webhook", "replay", hook, "--follow"), "failed for good", "--status failed")
}

func TestPurgeFromTheShell(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	c.send("anna", "o-1", "o-2")
	c.send("bob", "o-3")
	c.do("memory", "save", "heuristic", "--agent", "anna", "strategy=Retry once")

	wants(t, "nothing named", c.fails(exitUsage, "purge", "--yes"), "--memory, --agent")
	wants(t, "nobody to ask", c.fails(exitUsage, "purge", "--agent", "anna"), "--yes", "--dry-run")
	wants(t, "a dry run", c.do("purge", "--agent", "anna", "--dry-run"), "Would erase 3 events, 1 memory")
	wants(t, "before", c.do("event", "list", "-o", "json"), "private")
	wants(t, "the purge", c.do("purge", "--agent", "anna", "--yes"), "Erased 3 events, 1 memory")
	listed := c.do("event", "list", "-o", "json")
	if strings.Count(listed, "private") != 1 || strings.Count(listed, `"erased": true`) != 3 || strings.Contains(listed, "anna") {
		t.Errorf("after the purge:\n%s", listed)
	}
	wants(t, "the second time", c.do("purge", "--agent", "anna", "--yes", "-o", "json"), `"events": 0`, `"memories": 0`)
}

func TestAges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "0": 0, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute, "0d": 0, "3600": time.Hour,
	} {
		var a age
		if err := a.UnmarshalText([]byte(text)); err != nil || time.Duration(a) != want {
			t.Errorf("%q is read as %v, %v; want %v", text, time.Duration(a), err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-5h", "30days", "1.5d", "1d-30h", "99999999d", "soon"} {
		var a age
		if err := a.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "30d") {
			t.Errorf("%q is read as %v, %v; want a refusal that says what is wanted", text, time.Duration(a), err)
		}
	}
	code, _, errs := command(t, "", "serve", "--keep-events", "long")
	if code != exitUsage || !strings.Contains(errs, "--keep-events") || !strings.Contains(errs, "30d") {
		t.Errorf("a wrong age: exit %d\n%s", code, errs)
	}
}

func TestAFollowersLine(t *testing.T) {
	t.Parallel()
	f := follower{began: time.Now().Add(-10 * time.Second), first: 100}
	line := f.line(&replayAnswer{State: "running", Progress: 0.3, Total: 1000, Looked: 300, Delivered: 290, Retrying: 10})
	wants(t, "the line", line, "30 % of 1000", "290 delivered, 10 waiting for a retry", "20/s", "35s left")
	wants(t, "one that waits", f.line(&replayAnswer{State: "running", WaitsFor: "the webhook is paused"}), "the webhook is paused")
	if got := drawBar(0.5); strings.Count(got, "█") != barWidth/2 {
		t.Errorf("half is drawn as %s", got)
	}
}
