package webhook_test

import (
	"slices"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// other returns a node that does not serve a webhook.
func (c *cluster) other(name string) *member {
	c.t.Helper()
	owner := c.owner(name)
	for _, n := range c.nodes {
		if n.name != owner {
			return n
		}
	}
	c.t.Fatal("there is no other node")
	return nil
}

// replayed returns a replay as any node sees it.
func (c *cluster) replayed(id string) alma.Replay {
	c.t.Helper()
	r, err := c.store.Replay(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// TestAReplayMovesWithItsWebhook: begun on a node that does not serve the
// webhook, it is worked off by the one that does, and by its successor when
// that is killed or leaves.
func TestAReplayMovesWithItsWebhook(t *testing.T) {
	for name, end := range map[string]func(c *cluster, owner string){
		"killed": func(c *cluster, owner string) { c.kill(owner) },
		"leaves": func(c *cluster, owner string) { c.stop(owner) },
		"comes":  func(c *cluster, _ string) { c.start("n9"); c.start("n8"); c.start("n7") },
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, "n1 n2", func(t *testing.T, c *cluster) {
				c.add(alma.WebhookConfig{RateLimit: 20, MaxInFlight: 4}, "h")
				pass(2 * time.Second)
				ids := c.append(100)
				pass(time.Minute)
				r, err := c.other("h").Replay(t.Context(), c.hooks["h"].ID, alma.ReplayQuery{})
				if err != nil {
					t.Fatal(err)
				}
				pass(2 * time.Second)
				if half := c.replayed(r.ID); half.Looked == 0 || half.State != alma.ReplayRunning {
					t.Fatalf("after two seconds: %+v", half)
				}
				end(c, c.owner("h"))
				pass(time.Minute)
				got := c.replayed(r.ID)
				if got.State != alma.ReplayDone || got.Looked != 100 || got.Delivered < 100 || got.Delivered > 108 {
					t.Errorf("in the end: %+v", got)
				}
				c.check("h", ids, 100+8)
				seen := map[string]int{}
				for _, a := range c.tally.of("h") {
					seen[a.id]++
				}
				for _, id := range ids {
					if seen[id] < 2 {
						t.Errorf("%s was sent %d times; want its delivery and its replay", id, seen[id])
					}
				}
			})
		})
	}
}

func TestAReplayIsPausedAndCanceledFromAnyNode(t *testing.T) {
	inCluster(t, "n1 n2", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{RateLimit: 10}, "h")
		pass(2 * time.Second)
		c.append(100)
		pass(time.Minute)
		far := c.other("h")
		r, err := far.Replay(t.Context(), c.hooks["h"].ID, alma.ReplayQuery{})
		if err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if _, err := far.PauseReplay(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		paused := len(c.tally.of("h"))
		pass(time.Minute)
		if n := len(c.tally.of("h")); n != paused || n < 110 {
			t.Errorf("%d requests when it was paused, %d a minute later", paused, n)
		}
		if _, err := far.ResumeReplay(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if n := len(c.tally.of("h")); n == paused {
			t.Error("it does not go on")
		}
		if _, err := far.CancelReplay(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		canceled := len(c.tally.of("h"))
		pass(time.Minute)
		if n := len(c.tally.of("h")); n != canceled || n >= 200 {
			t.Errorf("%d requests when it was canceled, %d a minute later", canceled, n)
		}
	})
}

func TestAPurgeOnAnotherNodeEndsRetries(t *testing.T) {
	inCluster(t, "n1 n2", func(t *testing.T, c *cluster) {
		c.add(alma.WebhookConfig{RetrySchedule: []time.Duration{time.Minute}}, "h")
		pass(2 * time.Second)
		c.tally.mu.Lock()
		c.tally.answers = func(_, _ string, before int) int { return []int{500, 204, 204}[before] }
		c.tally.mu.Unlock()
		ids := c.append(2)
		pass(10 * time.Second)
		if _, err := c.other("h").Purge(t.Context(), alma.PurgeQuery{MemoryID: ids[0]}, nil); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Minute)
		var got []string
		for _, a := range c.tally.of("h") {
			got = append(got, a.id)
		}
		slices.Sort(got)
		if want := []string{ids[0], ids[1], ids[1]}; !slices.Equal(got, want) {
			t.Errorf("sent %v; want %v: no retry of what was erased", got, want)
		}
		list, err := c.any().Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusFailed})
		if err != nil || len(list.Items) != 1 || list.Items[0].LastReason != alma.ReasonErased || list.Items[0].Attempts != 1 {
			t.Errorf("failed deliveries: %+v, %v; want the erased one, with its one attempt", list.Items, err)
		}
	})
}
