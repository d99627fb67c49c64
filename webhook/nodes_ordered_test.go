package webhook_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// checkOrder expects that an ordered webhook got its events one after another:
// never two at once, and none before the one ahead of it had succeeded.
func (c *cluster) checkOrder(hook string, want []string) {
	c.t.Helper()
	c.check(hook, want, len(want))
	arrivals := c.tally.of(hook)
	done := 0 // Of want, by what came so far.
	for i, a := range arrivals {
		if i > 0 && a.began.Before(arrivals[i-1].ended) {
			c.t.Errorf("%s came from %s at %s, while %s from %s was under way until %s", a.id, a.node, a.began, arrivals[i-1].id, arrivals[i-1].node, arrivals[i-1].ended)
		}
		switch at := slices.Index(want, a.id); {
		case at > done:
			c.t.Errorf("%s came before %s had", a.id, want[done])
		case at == done && a.ok:
			done++
		default: // A repeat.
		}
	}
}

func TestOrderIsKeptOverTakeoversAndHandovers(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		cfg := alma.WebhookConfig{Ordered: true, Timeout: time.Minute, RetryDelay: new(time.Second)}
		c.add(cfg, "h1", "h2", "h3", "h4", "h5", "h6")
		c.tally.takes = func(_, id string) time.Duration {
			if strings.HasSuffix(id, "7") {
				return 7 * time.Second // Longer than a lease, and than a handover waits.
			}
			return 100 * time.Millisecond
		}
		ids := c.append(20)
		pass(5 * time.Second)
		c.start("c")
		pass(30 * time.Second)
		ids = append(ids, c.append(20)...)
		pass(8 * time.Second)
		c.kill("b")
		pass(30 * time.Second)
		c.start("d")
		ids = append(ids, c.append(20)...)
		pass(5 * time.Second)
		c.stop("a")
		pass(5 * time.Minute)
		for name := range c.hooks {
			c.checkOrder(name, ids)
		}
	})
}

func TestAnOrderedAttemptEndsWithTheLease(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{Ordered: true, Timeout: time.Minute})
		c.tally.takes = func(string, string) time.Duration { return 25 * time.Second }
		ids := c.append(3)
		pass(time.Second)
		c.nodes["b"].link.Cut(true) // Its request goes on: the network is there.
		cut := time.Now()
		pass(15 * time.Second)
		first := c.tally.of(hook)[0]
		if held := first.ended.Sub(cut); first.node != "b" || first.ended.IsZero() || held > lease {
			t.Errorf("the attempt of %s ended %s after the last renewal; want no more than %s", first.node, held, lease)
		}
		pass(5 * time.Minute)
		c.checkOrder(hook, ids)
	})
}

func TestAnOrderedWebhookGoesOnWhereItIsWhenItsNodeIsBackInTime(t *testing.T) {
	inCluster(t, "a", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{Ordered: true, Timeout: time.Minute}, "h1")
		pass(time.Second)
		c.tally.takes = func(string, string) time.Duration { return 10 * time.Second }
		ids := c.append(3)
		pass(time.Second)
		c.nodes["a"].link.Cut(true)
		pass(20 * time.Second) // The lease runs out; nobody is there to take over.
		c.nodes["a"].link.Cut(false)
		pass(5 * time.Minute)
		c.checkOrder("h1", ids)
		c.check("h1", ids, 1)
		if n := len(c.tally.of("h1")); n != 4 {
			t.Errorf("%d attempts for 3 events; want one repeat, of the attempt that was given up", n)
		}
		for _, a := range c.tally.of("h1") {
			if a.attempt != "1" {
				t.Errorf("%s came as attempt %s; one that was given up counts for nothing", a.id, a.attempt)
			}
		}
	})
}
