package webhook_test

import (
	"testing"
	"time"

	"github.com/alma-events/alma"
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
		c.kill("b")
		killed := time.Now()
		ids = append(ids, c.traffic(20*time.Second, 100*time.Millisecond, 5)...)
		pass(10 * time.Second)
		for name := range c.hooks {
			c.check(name, ids, 2*window)
			var last time.Time
			for _, a := range c.tally.of(name) {
				if gap := a.began.Sub(last); !last.IsZero() && gap > 10*time.Second {
					t.Errorf("%s waited for %s after the kill at %s; want 10 s at most", name, gap, killed)
				}
				last = a.began
			}
		}
		if share := c.share(); share["b"] > 0 || share[""] > 0 {
			t.Errorf("slots after a kill: %v", share)
		}
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
