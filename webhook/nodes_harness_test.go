package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/internal/nodetest"
	"github.com/alma-events/alma/webhook"
)

// lease is that of the nodes in these tests: the default.
const lease = webhook.DefaultLease

// cluster is several managers on one store, and listeners that note what comes
// from whom.
type cluster struct {
	t     *testing.T
	store *nodetest.Store
	logs  *logBuffer
	tally *tally
	nodes map[string]*member
	hooks map[string]alma.Webhook // By name, which is the path of their URL.
	next  int
	mail  func(context.Context, webhook.Mail) webhook.MailResult // Of nodes that start from now on.
}

// member is one of the managers, its way to the store, and its network.
type member struct {
	*webhook.Manager
	name string
	link *nodetest.Link
	net  *almatest.PipeListener
}

// inCluster runs a test with nodes that share a store, in a bubble.
func inCluster(t *testing.T, names string, f func(t *testing.T, c *cluster)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{
			t: t, store: nodetest.Open(t), logs: &logBuffer{}, tally: newTally(),
			nodes: map[string]*member{}, hooks: map[string]alma.Webhook{},
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the nodes' log:\n%s", c.logs)
			}
		})
		for _, name := range strings.Fields(names) {
			c.start(name)
		}
		pass(2 * time.Second) // Until the slots are shared out.
		f(t, c)
	})
}

// start starts a node.
func (c *cluster) start(name string) *member {
	c.t.Helper()
	n := &member{name: name, link: c.store.Link(), net: almatest.NewPipeListener(c.t, c.tally.from(name))}
	logger := slog.New(slog.NewTextHandler(c.logs, nil)).With("on", name)
	m, err := webhook.New(webhook.Config{
		Storage: n.link, Emitter: events.New(events.Config{Logger: logger}), Logger: logger, Dial: n.net.Dial, NodeName: name, Mail: c.mail,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := m.Start(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	n.Manager = m
	c.nodes[name] = n
	c.t.Cleanup(func() {
		n.link.Thaw()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			c.t.Error(err)
		}
	})
	return n
}

// kill ends a node as SIGKILL would: nothing that it does from now on is heard.
func (c *cluster) kill(name string) {
	n := c.nodes[name]
	n.link.Cut(true)
	n.net.Close()
	delete(c.nodes, name)
}

// stop shuts a node down.
func (c *cluster) stop(name string) {
	c.t.Helper()
	if err := c.nodes[name].Shutdown(context.Background()); err != nil {
		c.t.Error(err)
	}
	delete(c.nodes, name)
}

// any returns some node that is alive.
func (c *cluster) any() *member {
	names := slices.Sorted(maps.Keys(c.nodes))
	return c.nodes[names[0]]
}

// add registers webhooks.
func (c *cluster) add(cfg alma.WebhookConfig, names ...string) {
	c.t.Helper()
	for _, name := range names {
		cfg.URL, cfg.Secret = "http://listener.example/"+name, testSecret
		w, err := c.any().Add(c.t.Context(), cfg)
		if err != nil {
			c.t.Fatal(err)
		}
		c.hooks[name] = w
	}
}

// append appends n events, from any node, and returns their memory ids.
func (c *cluster) append(n int) []string {
	c.t.Helper()
	ids := make([]string, n)
	list := make([]alma.Event, n)
	for i := range list {
		c.next++
		ids[i] = fmt.Sprintf("m-%05d", c.next)
		list[i] = event(ids[i])
	}
	if _, err := c.any().Append(c.t.Context(), list...); err != nil {
		c.t.Fatal(err)
	}
	return ids
}

// traffic appends n events every interval for some time, and returns their ids.
func (c *cluster) traffic(d, interval time.Duration, n int) (ids []string) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); pass(interval) {
		ids = append(ids, c.append(n)...)
	}
	return ids
}

// owner names the node that serves a webhook.
func (c *cluster) owner(name string) string {
	c.t.Helper()
	return c.owners()[alma.SlotOf(c.hooks[name].ID)]
}

// owners names the owner of each slot.
func (c *cluster) owners() (names [alma.Slots]string) {
	c.t.Helper()
	view := c.store.Look()
	byID := map[string]string{}
	for _, n := range view.Nodes {
		byID[n.ID] = n.Name
	}
	for slot, id := range view.Owners {
		names[slot] = byID[id]
	}
	return names
}

// share counts the slots of each node; "" are those of nobody.
func (c *cluster) share() map[string]int {
	c.t.Helper()
	count := map[string]int{}
	for _, name := range c.owners() {
		count[name]++
	}
	return count
}

// onNode adds webhooks until there is one on the named node, and returns its
// name. The others get no events.
func (c *cluster) onNode(node string, cfg alma.WebhookConfig) string {
	c.t.Helper()
	for i := range 100 {
		name := fmt.Sprintf("%s-%d-%d", node, len(c.hooks), i)
		c.add(cfg, name)
		if c.owner(name) == node {
			pass(2 * time.Second) // Until its owner has noticed.
			return name
		}
		if err := c.any().Remove(c.t.Context(), c.hooks[name].ID); err != nil {
			c.t.Fatal(err)
		}
	}
	c.t.Fatalf("no webhook out of a hundred is served by %s: %v", node, c.share())
	return ""
}

// arrival is one request that reached a listener.
type arrival struct {
	node, hook, id string
	began, ended   time.Time
	attempt        string
	ok             bool // Answered with a 2xx, while the sender still listened.
}

// tally is the listener of all webhooks.
type tally struct {
	mu       sync.Mutex
	arrivals []*arrival
	seen     map[[2]string]int
	takes    func(hook, id string) time.Duration
	answers  func(hook, id string, before int) int // The status, by how often the event came before.
}

func newTally() *tally {
	return &tally{
		seen:    map[[2]string]int{},
		takes:   func(string, string) time.Duration { return 10 * time.Millisecond },
		answers: func(string, string, int) int { return http.StatusNoContent },
	}
}

// from returns the listener as one node reaches it.
func (y *tally) from(node string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // The sender is gone.
		}
		var ev alma.Event
		if err := json.Unmarshal(body, &ev); err != nil {
			panic(err)
		}
		a := &arrival{node: node, hook: r.URL.Path[1:], id: ev.MemoryID, began: time.Now(), attempt: r.Header.Get("X-Alma-Attempt")}
		takes, status := y.begin(a)
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
		y.mu.Lock()
		a.ended, a.ok = time.Now(), r.Context().Err() == nil && status < 300
		y.mu.Unlock()
		w.WriteHeader(status)
	})
}

func (y *tally) begin(a *arrival) (time.Duration, int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	before := y.seen[[2]string{a.hook, a.id}]
	y.seen[[2]string{a.hook, a.id}]++
	y.arrivals = append(y.arrivals, a)
	return y.takes(a.hook, a.id), y.answers(a.hook, a.id, before)
}

// of lists the arrivals at one webhook, in order.
func (y *tally) of(hook string) []arrival {
	y.mu.Lock()
	defer y.mu.Unlock()
	var out []arrival
	for _, a := range y.arrivals {
		if a.hook == hook {
			out = append(out, *a)
		}
	}
	return out
}

// check compares what reached a webhook with what should have: all of it, and no
// more than so many repeats.
func (c *cluster) check(hook string, want []string, repeats int) {
	c.t.Helper()
	count := map[string]int{}
	for _, a := range c.tally.of(hook) {
		count[a.id]++
	}
	var lost []string
	again := 0
	for _, id := range want {
		if count[id] == 0 {
			lost = append(lost, id)
		}
		again += max(0, count[id]-1)
		delete(count, id)
	}
	if len(lost) > 0 {
		c.t.Errorf("%s (on %s): %d of %d events are lost: %v", hook, c.owner(hook), len(lost), len(want), lost[:min(len(lost), 10)])
	}
	if len(count) > 0 {
		c.t.Errorf("%s got what is not meant for it: %v", hook, slices.Sorted(maps.Keys(count)))
	}
	if again > repeats {
		c.t.Errorf("%s got %d repeats; want %d at most", hook, again, repeats)
	}
}
