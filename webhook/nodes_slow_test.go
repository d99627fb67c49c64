package webhook_test

import (
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// The sizes of the engine's reads tell its readers apart.
const (
	tailPage    = 512
	catchUpPage = 256
)

func TestAHandoverWaitsUntilOutcomesAreStored(t *testing.T) {
	inCluster(t, "a", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{MaxInFlight: window}, names("h", 24)...) // Ids are drawn: half of them move, more or less.
		c.nodes["a"].link.SlowSettles(300 * time.Millisecond)
		ids := c.traffic(time.Second, 100*time.Millisecond, 3)
		c.start("b")
		ids = append(ids, c.traffic(5*time.Second, 100*time.Millisecond, 3)...)
		pass(20 * time.Second)
		moved := 0
		for name := range c.hooks {
			c.check(name, ids, 0)
			if c.owner(name) == "b" {
				moved++
			}
		}
		if moved == 0 {
			t.Error("no webhook has moved: the test shows nothing")
		}
	})
}

func TestANodeWhoseTailLagsTakesOverWithoutRepeats(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{MaxInFlight: window})
		ids := c.append(5)
		pass(time.Second)
		c.nodes["a"].link.SlowReads(tailPage, 3*time.Second)
		ids = append(ids, c.traffic(2*time.Second, 100*time.Millisecond, 3)...)
		c.stop("b")
		ids = append(ids, c.traffic(5*time.Second, 100*time.Millisecond, 3)...)
		pass(time.Minute)
		c.check(hook, ids, 0)
	})
}

func TestATakeoverThatLagsBehindTheTailMissesNothing(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{MaxInFlight: window})
		ids := c.append(5)
		pass(time.Second)
		c.nodes["a"].link.SlowReads(catchUpPage, 3*time.Second)
		c.stop("b")
		ids = append(ids, c.traffic(10*time.Second, 100*time.Millisecond, 3)...)
		pass(5 * time.Minute)
		c.check(hook, ids, 0)
	})
}
