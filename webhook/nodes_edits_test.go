package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// poll is within how long a change takes effect on another node.
const poll = 2 * time.Second

func TestAWebhookMadeOnAnotherNodeSeesExactlyWhatComesAfterIt(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		want, served := map[string][]string{}, map[string]bool{}
		for i := range 12 {
			name := string(rune('p' + i))
			for _, before := range []bool{true, false} {
				if !before {
					c.add(alma.WebhookConfig{}, name) // By way of a.
					want[name] = nil
				}
				ids := c.append(3)
				for hook := range want {
					want[hook] = append(want[hook], ids...)
				}
			}
			pass(time.Duration(i) * 50 * time.Millisecond)
		}
		pass(poll)
		for hook, ids := range want {
			c.check(hook, ids, 0)
			served[c.owner(hook)] = true
		}
		if len(served) != 2 {
			t.Error("all webhooks are served by one node: the test shows nothing")
		}
	})
}

func TestChangesTakeEffectWhateverNodeIsAsked(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		ctx := t.Context()
		hook := c.onNode("b", alma.WebhookConfig{})
		id, asked := c.hooks[hook].ID, c.nodes["a"]
		first := c.append(2)
		pass(poll)
		if _, err := asked.Pause(ctx, id); err != nil {
			t.Fatal(err)
		}
		pass(poll)
		second := c.append(2)
		pass(5 * time.Minute)
		c.check(hook, first, 0)
		_, err := asked.Update(ctx, id, webhook.AnyVersion, func(cfg *alma.WebhookConfig) error {
			cfg.URL, cfg.AgentFilter = "http://listener.example/elsewhere", []string{"qa"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := asked.Resume(ctx, id); err != nil {
			t.Fatal(err)
		}
		pass(poll)
		other := event("other")
		other.Agent = "dev"
		if _, err := asked.Append(ctx, other); err != nil {
			t.Fatal(err)
		}
		third := c.append(2)
		pass(poll)
		c.check(hook, first, 0)
		c.hooks["elsewhere"] = c.hooks[hook]
		c.check("elsewhere", append(second, third...), 0)
		if err := asked.Remove(ctx, id); err != nil {
			t.Fatal(err)
		}
		pass(poll)
		c.append(2)
		pass(poll)
		c.check("elsewhere", append(second, third...), 0)
	})
}

func TestAWebhookThatDisabledItselfIsResumedFromAnotherNode(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		hook := c.onNode("b", alma.WebhookConfig{})
		gone := true
		c.tally.answers = func(string, string, int) int {
			if gone {
				return http.StatusGone
			}
			return http.StatusNoContent
		}
		ids := c.append(1)
		pass(20 * time.Millisecond)
		gone = false
		if _, err := c.nodes["a"].Resume(t.Context(), c.hooks[hook].ID); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.append(3)...) // Before its own node has heard of either.
		pass(time.Minute)
		c.check(hook, ids, 0)
	})
}

// onlyDelivery returns the one delivery there is, as a node sees it.
func (c *cluster) onlyDelivery(node string) alma.Delivery {
	c.t.Helper()
	list, err := c.nodes[node].RecentDeliveries(c.t.Context(), 10)
	if err != nil || len(list) != 1 {
		c.t.Fatalf("deliveries %+v, %v; want one", list, err)
	}
	d, err := c.nodes[node].Delivery(c.t.Context(), list[0].ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

func TestRetriesAreAskedForOnAnyNode(t *testing.T) {
	for name, cfg := range map[string]alma.WebhookConfig{
		"one that has failed": {RetryCount: new(0)},
		"one that waits":      {RetryCount: new(1), RetryDelay: new(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, "a b", func(t *testing.T, c *cluster) {
				hook := c.onNode("b", cfg)
				c.tally.answers = func(_, _ string, before int) int {
					return []int{http.StatusInternalServerError, http.StatusNoContent}[min(before, 1)]
				}
				c.append(1)
				pass(poll)
				d := c.onlyDelivery("a")
				if d.Attempts != 1 || d.Status == alma.StatusSuccess {
					t.Fatalf("%s after %d attempts", d.Status, d.Attempts)
				}
				got, err := c.nodes["a"].Retry(t.Context(), d.ID)
				if err != nil || got.Status != alma.StatusPending {
					t.Fatalf("retry: %s, %v; want PENDING", got.Status, err)
				}
				pass(poll)
				for node := range c.nodes {
					if d := c.onlyDelivery(node); d.Status != alma.StatusSuccess || d.Attempts != 2 || len(d.Log) != 2 {
						t.Errorf("%s sees %s after %d attempts; want SUCCESS after 2", node, d.Status, d.Attempts)
					}
				}
				if _, err := c.nodes["a"].Retry(t.Context(), d.ID); err != nil { // Again, though it succeeded.
					t.Fatal(err)
				}
				pass(5 * time.Minute)
				if n := len(c.tally.of(hook)); n != 3 {
					t.Errorf("%d attempts; want 3: each retry makes one", n)
				}
			})
		})
	}
}

func TestARetryUnderWayIsRefusedOnAnyNode(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		c.onNode("b", alma.WebhookConfig{RetryCount: new(0)})
		c.tally.takes = func(string, string) time.Duration { return 10 * time.Second }
		c.append(1)
		pass(time.Second / 2)
		page, err := c.nodes["a"].Deliveries(t.Context(), alma.DeliveryQuery{})
		if err != nil || len(page.Items) != 0 {
			t.Fatalf("deliveries %v, %v; want none that has been attempted", page.Items, err)
		}
		pass(5 * time.Second) // By now it is stored as one in flight.
		d := c.onlyDelivery("a")
		if _, err := c.nodes["a"].Retry(t.Context(), d.ID); !errors.Is(err, alma.ErrConflict) {
			t.Errorf("retry while an attempt is under way: %v; want a conflict", err)
		}
	})
}

func TestEveryNodeTellsTheSame(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		ctx := t.Context()
		hook := c.onNode("b", alma.WebhookConfig{AgentFilter: []string{"qa"}, RetryDelay: new(time.Hour), RetryJitter: 0})
		c.tally.answers = func(string, string, int) int { return http.StatusBadGateway }
		c.append(30)
		pass(time.Minute) // The breaker is open now.
		c.append(10)
		pass(time.Second)
		same := func(what string) {
			t.Helper()
			a, errA := c.nodes["a"].Get(ctx, c.hooks[hook].ID)
			b, errB := c.nodes["b"].Get(ctx, c.hooks[hook].ID)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if diff := cmp.Diff(b, a, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(time.Millisecond)); diff != "" {
				t.Errorf("%s: who serves the webhook and who does not differ (-server +other):\n%s", what, diff)
			}
		}
		same("dead")
		if s, err := c.nodes["a"].Get(ctx, c.hooks[hook].ID); err != nil || s.Health != webhook.Dead || s.Lag == 0 || s.Waiting == 0 {
			t.Errorf("seen from elsewhere: %+v, %v; want one that is dead, with lag", s, err)
		}
		if _, err := c.nodes["a"].Pause(ctx, c.hooks[hook].ID); err != nil {
			t.Fatal(err)
		}
		pass(poll)
		same("paused")
		ev := c.lastEvent()
		for name, n := range c.nodes {
			list, err := n.EventDeliveries(ctx, &ev)
			if err != nil || len(list) != 1 || list[0].Status != alma.StatusPending || list[0].Attempts != 0 {
				t.Errorf("%s: deliveries of an event that waits in the log: %+v, %v", name, list, err)
				continue
			}
			if d, err := n.Delivery(ctx, list[0].ID); err != nil || d.Status != alma.StatusPending {
				t.Errorf("%s: one that waits in the log: %+v, %v", name, d, err)
			}
			page, err := n.Deliveries(ctx, alma.DeliveryQuery{WebhookID: list[0].WebhookID, EventID: ev.ID})
			if err != nil || len(page.Items) != 1 {
				t.Errorf("%s: asked by webhook and event: %+v, %v", name, page.Items, err)
			}
		}
	})
}

// lastEvent returns the newest event of the log.
func (c *cluster) lastEvent() alma.Event {
	c.t.Helper()
	page, err := c.store.FindEvents(c.t.Context(), alma.EventQuery{Cursor: alma.Cursor{Limit: 1}})
	if err != nil || len(page.Items) != 1 {
		c.t.Fatal(page, err)
	}
	return page.Items[0]
}

// subscribers are functions of one durable subscription, on several nodes.
type subscribers struct {
	mu    sync.Mutex
	calls map[string][]string // By node.
}

func (s *subscribers) on(node string) func(context.Context, *alma.Event) error {
	return func(_ context.Context, ev *alma.Event) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[node] = append(s.calls[node], ev.MemoryID)
		return nil
	}
}

func (s *subscribers) all() (ids []string, nodes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.calls {
		ids = append(ids, list...)
	}
	return sorted(ids), len(s.calls)
}

func TestADurableSubscriptionIsServedByOneOfTheNodes(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		s := &subscribers{calls: map[string][]string{}}
		subscribe := func(node string) string {
			t.Helper()
			id, err := c.nodes[node].Subscribe(t.Context(), webhook.Subscription{Name: "index", Handle: s.on(node)})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		if first, second := subscribe("a"), subscribe("b"); first != second {
			t.Errorf("one name, two subscriptions: %s and %s", first, second)
		}
		pass(poll)
		ids := c.append(5)
		pass(poll)
		if got, nodes := s.all(); !slices.Equal(got, ids) || nodes != 1 {
			t.Errorf("called for %v on %d nodes; want %v on one", got, nodes, ids)
		}
		for node := range s.calls {
			c.kill(node)
		}
		pass(poll)
		ids = append(ids, c.append(5)...)
		pass(10 * time.Second)
		if got, nodes := s.all(); !slices.Equal(got, ids) || nodes != 2 {
			t.Errorf("called for %v on %d nodes; want %v, on the second since the first is gone", got, nodes, ids)
		}
	})
}

func TestNodesThatSubscribeAtOnceMakeOneSubscription(t *testing.T) {
	inCluster(t, "a b c d", func(t *testing.T, c *cluster) {
		s := &subscribers{calls: map[string][]string{}}
		var wg sync.WaitGroup
		for node, n := range c.nodes {
			wg.Go(func() {
				if _, err := n.Subscribe(t.Context(), webhook.Subscription{Name: "index", Handle: s.on(node)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		pass(poll)
		ids := c.append(3)
		pass(poll)
		if got, _ := s.all(); !slices.Equal(got, ids) {
			t.Errorf("called for %v; want %v", got, ids)
		}
	})
}

// A callback that heeds no context may return long after its node was fenced.
func TestWhatAnAbandonedAttemptComesToIsDropped(t *testing.T) {
	inCluster(t, "a b", func(t *testing.T, c *cluster) {
		held, calls := make(chan struct{}), make(chan string, 10)
		var id string
		for node, n := range c.nodes {
			var err error
			id, err = n.Subscribe(t.Context(), webhook.Subscription{Name: "index", Handle: func(context.Context, *alma.Event) error {
				calls <- node
				if len(calls) == 1 {
					<-held
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		pass(poll)
		c.append(1)
		pass(time.Second)
		owner := <-calls
		calls <- owner
		c.nodes[owner].link.Freeze()
		pass(20 * time.Second)
		c.nodes[owner].link.Thaw()
		pass(10 * time.Second) // It has begun anew, while its function still runs.
		close(held)
		pass(10 * time.Second)
		synctest.Wait()
		if n := len(calls); n != 2 {
			t.Fatalf("%d calls; want one on each node", n)
		}
		d := c.onlyDelivery("a")
		if len(d.Log) != 1 || d.WebhookID != id {
			t.Errorf("%d attempts are stored; want the successor's alone", len(d.Log))
		}
	})
}
