package webhook_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

func TestAFrozenNodesLateOutcomesAreRefused(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{MaxInFlight: window})
		c.tally.takes = func(string, string) time.Duration { return 500 * time.Millisecond }
		ids := c.append(8)
		pass(time.Second)
		before := len(c.tally.of(hook))
		c.nodes["b"].link.Freeze() // Four are under way. What they come to waits for the store.
		ids = append(ids, c.append(8)...)
		pass(15 * time.Second)
		if owner := c.owner(hook); owner != "a" {
			t.Fatalf("after 15 s the webhook is served by %q; want a", owner)
		}
		for _, a := range c.tally.of(hook)[before:] {
			if a.node == "b" {
				t.Errorf("b began an attempt (%s) although it could not settle", a.id)
			}
		}
		cursor := c.cursor(hook)
		c.nodes["b"].link.Thaw()
		pass(100 * time.Millisecond)
		if at := c.cursor(hook); at.Before(cursor) {
			t.Errorf("a late settlement moved the cursor back from %s to %s", cursor, at)
		}
		ids = append(ids, c.traffic(10*time.Second, 100*time.Millisecond, 2)...)
		pass(20 * time.Second)
		c.check(hook, ids, 2*window)
		if !strings.Contains(c.logs.String(), "late outcomes are dropped") {
			t.Error("no settlement came late: the test shows nothing")
		}
		if share := c.share(); share["b"] < alma.Slots/3 {
			t.Errorf("the node that came back has no share: %v", share)
		}
	})
}

// cursor is how far a webhook has come, by the store.
func (c *cluster) cursor(name string) alma.Position {
	c.t.Helper()
	list, err := c.store.Lanes(c.t.Context(), []string{c.hooks[name].ID})
	if err != nil || len(list) != 1 {
		c.t.Fatalf("lanes %v, %v", list, err)
	}
	return list[0].Cursor
}

func TestAStoreThatIsAwayForAllFencesNobody(t *testing.T) {
	inCluster(t, "a b c", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window}, "h1", "h2", "h3", "h4", "h5", "h6")
		c.tally.takes = func(string, string) time.Duration { return 50 * time.Millisecond }
		ids := c.traffic(2*time.Second, 100*time.Millisecond, 5)
		before := c.owners()
		ids = append(ids, c.append(20)...)
		pass(60 * time.Millisecond)
		for _, n := range c.nodes {
			n.link.Cut(true)
		}
		pass(time.Second)
		for name, n := range c.nodes {
			if n.Check() == nil {
				t.Errorf("%s says that it is ready although the store is away", name)
			}
		}
		quiet := len(c.tally.arrivals)
		pass(29 * time.Second)
		if n := len(c.tally.arrivals); n > quiet {
			t.Errorf("%d attempts were begun while nothing could be settled", n-quiet)
		}
		for name, n := range c.nodes { // They find it again one after another.
			n.link.Cut(false)
			pass(time.Duration(len(name)) * 700 * time.Millisecond)
		}
		ids = append(ids, c.traffic(10*time.Second, 100*time.Millisecond, 5)...)
		pass(5 * time.Second)
		for name := range c.hooks {
			c.check(name, ids, 0)
		}
		if c.owners() != before || strings.Contains(c.logs.String(), "have taken this node's webhooks over") {
			t.Errorf("slots have moved, from a store that was away for all: %v", c.share())
		}
		for name, n := range c.nodes {
			if err := n.Check(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestANodeCutOffFromTheStoreIsFollowedAndComesBack(t *testing.T) {
	inCluster(t, "a b c", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window}, "h1", "h2", "h3", "h4", "h5", "h6")
		c.tally.takes = func(string, string) time.Duration { return 50 * time.Millisecond }
		ids := c.traffic(2*time.Second, 100*time.Millisecond, 5)
		ids = append(ids, c.append(20)...)
		pass(60 * time.Millisecond)
		c.nodes["b"].link.Cut(true)
		cut := time.Now()
		ids = append(ids, c.traffic(20*time.Second, 100*time.Millisecond, 5)...)
		c.nodes["b"].link.Cut(false)
		ids = append(ids, c.traffic(10*time.Second, 100*time.Millisecond, 5)...)
		pass(5 * time.Second)
		for name := range c.hooks {
			c.check(name, ids, 2*window)
			c.checkGaps(name, cut, 10*time.Second)
		}
		if share := c.share(); share["b"] < alma.Slots/5 {
			t.Errorf("the node that came back has no share: %v", share)
		}
	})
}

func TestARequestThatTakesLongHoldsNoHandoverUp(t *testing.T) {
	inCluster(t, "a", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window, Timeout: time.Minute}, names("h", 24)...) // Ids are drawn: half of them move, more or less.
		slow := true
		c.tally.takes = func(_, id string) time.Duration {
			if slow && id == "m-00003" {
				return 40 * time.Second
			}
			return 10 * time.Millisecond
		}
		ids := c.append(10)
		pass(100 * time.Millisecond)
		c.start("b")
		began := time.Now()
		slow = false
		ids = append(ids, c.traffic(10*time.Second, 100*time.Millisecond, 3)...)
		moved := 0
		for name := range c.hooks {
			if c.owner(name) == "b" {
				moved++
			}
			c.checkGaps(name, began, 4*time.Second)
		}
		if moved == 0 || moved == len(c.hooks) {
			t.Fatalf("%d of %d webhooks have moved: the test shows nothing", moved, len(c.hooks))
		}
		pass(time.Minute)
		for name := range c.hooks {
			c.check(name, ids, 1) // The one that was given up.
		}
		page, err := c.any().Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusFailed})
		if err != nil || len(page.Items) > 0 {
			t.Errorf("failed deliveries %v, %v; one that was given up counts for nothing", page.Items, err)
		}
	})
}

func TestTheBreakerStaysOpenOverATakeover(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{MaxInFlight: window, RetryCount: new(10), RetryDelay: new(time.Hour)})
		dead := true
		c.tally.answers = func(string, string, int) int {
			if dead {
				return http.StatusBadGateway
			}
			return http.StatusNoContent
		}
		ids := c.append(30)
		pass(10 * time.Minute)
		probed := c.tally.of(hook)
		c.kill("b")
		pass(20 * time.Minute)
		since := c.tally.of(hook)[len(probed):]
		if len(since) == 0 || len(since) > 6 {
			t.Errorf("%d attempts in the 20 minutes after the takeover; want a probe every five minutes", len(since))
		}
		for _, a := range since {
			if a.node != "a" {
				t.Errorf("a probe came from %s", a.node)
			}
		}
		dead = false
		pass(3 * time.Hour)
		c.check(hook, ids, 60)
	})
}

func TestTheRateHoldsOverAHandover(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{RateLimit: 10})
		ids := c.append(300)
		pass(5 * time.Second)
		c.stop("b")
		pass(5 * time.Second)
		c.start("c")
		pass(30 * time.Second)
		c.check(hook, ids, 0)
		arrivals := c.tally.of(hook)
		for i := 10; i < len(arrivals); i++ {
			if d := arrivals[i].began.Sub(arrivals[i-10].began); d < 900*time.Millisecond {
				t.Errorf("11 requests within %s around the %dth; the limit is 10 a second", d, i)
			}
		}
	})
}

func TestAWholeClusterRestarts(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window}, "h1", "h2", "h3", "h4")
		ids := c.traffic(2*time.Second, 100*time.Millisecond, 5)
		ids = append(ids, c.append(3000)...)
		pass(30 * time.Millisecond)
		c.kill("a")
		c.kill("b")
		pass(time.Hour)
		c.start("c")
		pass(time.Minute)
		for i := range 3 {
			c.start(fmt.Sprint("d", i))
			ids = append(ids, c.traffic(3*time.Second, 100*time.Millisecond, 5)...)
		}
		pass(time.Minute)
		for name := range c.hooks {
			c.check(name, ids, 2*window)
		}
	})
}

// TestLostAnswersCountOnce: the store does what it is asked and the answer gets
// lost, again and again. Nothing is lost, and what was stored counts once.
func TestLostAnswersCountOnce(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{MaxInFlight: window})
		c.tally.takes = func(string, string) time.Duration { return 20 * time.Millisecond }
		before := c.append(50)
		pass(time.Second)
		r, err := c.nodes["a"].Replay(t.Context(), c.hooks[hook].ID, alma.ReplayQuery{})
		if err != nil {
			t.Fatal(err)
		}
		ids := c.append(50)
		lost := 0
		for range 20 {
			c.nodes["b"].link.LoseAnswers(true)
			pass(60 * time.Millisecond)
			lost += c.nodes["b"].link.LoseAnswers(false)
			pass(200 * time.Millisecond)
		}
		if lost == 0 {
			t.Fatal("no answer was lost: the test shows nothing")
		}
		c.nodes["a"].link.LoseAnswers(true)
		list := []alma.Event{event("m-lost")}
		list[0].ID = "lost"
		if _, err := c.nodes["a"].Append(t.Context(), list...); !errors.Is(err, alma.ErrUnavailable) {
			t.Errorf("the answer to an append was lost: %v; want an error that is ErrUnavailable", err)
		}
		c.nodes["a"].link.LoseAnswers(false)
		again, err := c.nodes["a"].Append(t.Context(), list...)
		if err != nil || !again[0].Duplicate {
			t.Fatalf("repeated it is answered %+v, %v; want a duplicate", again, err)
		}
		pass(time.Minute)
		c.check(hook, append(append(before, ids...), "m-lost"), len(before))
		if got := c.replayed(r.ID); got.State != alma.ReplayDone || got.Looked != 50 || got.Delivered != 50 {
			t.Errorf("after %d lost answers the replay is %+v; want 50 events looked at and delivered", lost, got)
		}
		if at, last := c.cursor(hook), again[0].Position; at.Seq < last.Seq-1 { // The last one follows with the next settlement.
			t.Errorf("the webhook stands at %s; the log ends at %s", at, last)
		}
	})
}
