package webhook_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// TestAnythingMayHappenToNodes lets nodes come, go, be killed, freeze and lose
// the store, in any order, while events are appended, and expects that every
// webhook gets every event, the ordered ones in order. ALMA_TEST_SEEDS sets how
// many runs are made; a run that fails is repeated by its name.
func TestAnythingMayHappenToNodes(t *testing.T) {
	t.Parallel()
	runs := 6
	if n, err := strconv.Atoi(os.Getenv("ALMA_TEST_SEEDS")); err == nil {
		runs = n
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			inCluster(t, "n0 n1", func(t *testing.T, c *cluster) {
				x := &chaos{cluster: c, rnd: rand.New(rand.NewPCG(seed, 7)), started: 2, want: map[string][]string{}, ordered: map[string]bool{}}
				x.run()
			})
		})
	}
}

type chaos struct {
	*cluster
	rnd     *rand.Rand
	started int
	want    map[string][]string // By webhook: what it must get.
	ordered map[string]bool
	harm    int // What may have made something be repeated.
}

func (x *chaos) run() {
	x.tally.takes = func(_, id string) time.Duration {
		if id[len(id)-1] == '7' {
			return 3 * time.Second
		}
		return 30 * time.Millisecond
	}
	x.tally.answers = func(_, id string, before int) int {
		if id[len(id)-1] == '5' && before == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	}
	for i := range 6 {
		x.newHook(i%3 == 0)
	}
	for range 60 {
		x.step()
		x.emit(1 + x.rnd.IntN(10))
		pass(time.Duration(x.rnd.IntN(2500)) * time.Millisecond)
	}
	x.settleDown()
	for hook, ids := range x.want {
		if x.ordered[hook] {
			x.checkOrder(hook, ids)
		}
		x.check(hook, ids, x.harm*2*window+len(ids)/10+1)
	}
}

// step does something to some node.
func (x *chaos) step() {
	names := slices.Sorted(maps.Keys(x.nodes))
	if len(names) == 0 {
		x.begin()
		return
	}
	name := names[x.rnd.IntN(len(names))]
	n := x.nodes[name]
	switch x.rnd.IntN(12) {
	case 0:
		x.harm++
		x.kill(name)
	case 1:
		if len(names) < 5 {
			x.begin()
		}
	case 2:
		n.link.Thaw() // A node that hangs in its store ends only with its grace.
		n.link.Cut(false)
		pass(2 * lease)
		x.stop(name)
	case 3:
		x.harm++
		n.link.Freeze()
	case 4:
		n.link.Thaw()
	case 5:
		x.harm++
		n.link.Cut(true)
	case 6:
		n.link.Cut(false)
	case 7:
		if len(x.want) < 9 {
			x.newHook(x.rnd.IntN(2) == 0)
		}
	default: // Let things take their course.
	}
}

func (x *chaos) begin() {
	name := fmt.Sprintf("n%d", x.started)
	x.started++
	x.start(name)
}

// newHook registers a webhook as a node would that serves none.
func (x *chaos) newHook(ordered bool) {
	name := fmt.Sprintf("h%d", len(x.want))
	now := time.Now()
	w, err := x.store.CreateWebhook(x.t.Context(), alma.Webhook{
		ID: alma.NewWebhookID(), State: alma.StateActive, CreatedAt: now, SecretSetAt: now,
		Config: alma.WebhookConfig{URL: "http://listener.example/" + name, Secret: testSecret, MaxInFlight: window, Ordered: ordered, RetryDelay: new(time.Second)},
	})
	if err != nil {
		x.t.Fatal(err)
	}
	x.hooks[name], x.want[name], x.ordered[name] = w, nil, ordered
}

// emit appends events, past all nodes.
func (x *chaos) emit(n int) {
	list := make([]alma.Event, n)
	for i := range list {
		x.next++
		list[i] = event(fmt.Sprintf("m-%05d", x.next))
		if err := list[i].Prepare(time.Now()); err != nil {
			x.t.Fatal(err)
		}
		for hook := range x.want {
			x.want[hook] = append(x.want[hook], list[i].MemoryID)
		}
	}
	if _, err := x.store.Append(x.t.Context(), list); err != nil {
		x.t.Fatal(err)
	}
}

// settleDown mends everything and waits.
func (x *chaos) settleDown() {
	for _, n := range x.nodes {
		n.link.Thaw()
		n.link.Cut(false)
	}
	if len(x.nodes) == 0 {
		x.begin()
	}
	x.await(time.Hour)
	x.emit(3)
	x.await(10 * time.Minute)
	if share := x.share(); share[""] > 0 || len(share) != len(x.nodes) {
		x.t.Errorf("slots in the end: %v, of nodes %v", share, slices.Sorted(maps.Keys(x.nodes)))
	}
}

// await waits until every webhook has got every event, and a little for what
// should not come; no longer than d.
func (x *chaos) await(d time.Duration) {
	for range d / time.Minute {
		pass(time.Minute)
		if x.allCame() {
			break
		}
	}
	pass(time.Minute)
}

func (x *chaos) allCame() bool {
	for hook, ids := range x.want {
		count := map[string]bool{}
		for _, a := range x.tally.of(hook) {
			if a.ok {
				count[a.id] = true
			}
		}
		if len(count) < len(ids) {
			return false
		}
	}
	return true
}
