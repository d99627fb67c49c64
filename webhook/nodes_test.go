package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/nodetest"
	"github.com/alma-events/alma/webhook"
)

// window is the most requests that a webhook of these tests has in flight.
const window = 4

func TestNodesShareTheWebhooks(t *testing.T) {
	inCluster(t, "a b c", func(t *testing.T, c *cluster) {
		share := c.share()
		for _, name := range []string{"a", "b", "c"} {
			if n := share[name]; n < alma.Slots/5 || n > alma.Slots/2 {
				t.Errorf("the slots are shared like this: %v", share)
			}
		}
		c.add(alma.WebhookConfig{}, "h1", "h2", "h3", "h4", "h5", "h6")
		ids := c.append(20)
		pass(5 * time.Second)
		for name := range c.hooks {
			c.check(name, ids, 0)
			for _, a := range c.tally.of(name) {
				if owner := c.owner(name); a.node != owner {
					t.Errorf("%s is served by %s; it belongs to %s", name, a.node, owner)
				}
			}
		}
	})
}

func TestAKilledNodesWebhooksGoOnElsewhere(t *testing.T) {
	inCluster(t, "a b c", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window}, "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8")
		c.tally.takes = func(string, string) time.Duration { return 50 * time.Millisecond }
		pass(time.Second)
		ids := c.traffic(3*time.Second, 100*time.Millisecond, 5)
		ids = append(ids, c.append(20)...)
		pass(75 * time.Millisecond)
		c.kill("b") // With some answered and settled, some answered, some on their way, and some not begun.
		killed := time.Now()
		ids = append(ids, c.traffic(20*time.Second, 100*time.Millisecond, 5)...)
		pass(10 * time.Second)
		for name := range c.hooks {
			c.check(name, ids, 2*window)
			c.checkGaps(name, killed, 10*time.Second)
		}
		if share := c.share(); share["b"] > 0 || share[""] > 0 {
			t.Errorf("slots after a kill: %v", share)
		}
	})
}

// checkGaps expects that a webhook never waited for longer than so much, from a
// moment on, while there was always something to deliver.
func (c *cluster) checkGaps(hook string, since time.Time, most time.Duration) {
	c.t.Helper()
	last := since
	for _, a := range c.tally.of(hook) {
		if a.began.Before(since) {
			continue
		}
		if gap := a.began.Sub(last); gap > most {
			c.t.Errorf("%s waited for %s; want %s at most", hook, gap, most)
		}
		last = a.began
	}
}

func TestWhoLeavesIsFollowedAtOnce(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{})
		ids := c.append(5)
		pass(time.Second)
		c.stop("b")
		stopped := time.Now()
		ids = append(ids, c.append(5)...)
		pass(2 * time.Second)
		c.check(hook, ids, 0)
		c.checkGaps(hook, stopped, 500*time.Millisecond)
	})
}

func TestANewNodeGetsItsShareWithoutRepeats(t *testing.T) {
	inCluster(t, "a", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window}, "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8")
		ids := c.traffic(3*time.Second, 100*time.Millisecond, 5)
		c.start("b")
		ids = append(ids, c.traffic(5*time.Second, 100*time.Millisecond, 5)...)
		c.start("c")
		ids = append(ids, c.traffic(5*time.Second, 100*time.Millisecond, 5)...)
		c.stop("b")
		ids = append(ids, c.traffic(5*time.Second, 100*time.Millisecond, 5)...)
		pass(10 * time.Second)
		for name := range c.hooks {
			c.check(name, ids, 0)
		}
		share := c.share()
		if share["b"] > 0 || share[""] > 0 || share["c"] < alma.Slots/3 {
			t.Errorf("slots: %v", share)
		}
	})
}

func TestALeaseThatIsTooShortIsRefused(t *testing.T) {
	t.Parallel()
	for _, lease := range []time.Duration{-time.Second, time.Nanosecond, 999 * time.Millisecond} {
		if _, err := webhook.New(webhook.Config{Storage: nodetest.Open(t), Lease: lease}); err == nil || !strings.Contains(err.Error(), "Config.Lease") {
			t.Errorf("a lease of %s: %v; want an error that names the setting", lease, err)
		}
	}
}
