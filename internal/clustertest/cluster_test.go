//go:build unix

package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
)

// window is the most requests that a webhook has in flight.
const window = 8

// cluster is servers on one PostgreSQL, and the listener of their webhooks.
type cluster struct {
	t      *testing.T
	pg     *pgtest.Server
	db     string
	lease  time.Duration
	client *http.Client
	sink   *sink
	hooks  []string
	load   *load
	faults int // What may have made something be repeated.

	mu      sync.Mutex
	nodes   []*process
	started int
}

func newCluster(t *testing.T, lease time.Duration, settings ...string) *cluster {
	t.Helper()
	pg := pgtest.Start(t, append([]string{"synchronous_commit=on"}, settings...)...)
	c := &cluster{t: t, pg: pg, db: pg.Database(t), lease: lease, sink: newSink(t), client: &http.Client{Timeout: 2 * time.Second}}
	t.Cleanup(c.client.CloseIdleConnections)
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range c.alive() {
				t.Logf("the log of %s ends:\n%s", p.name, tail(p.log.String()))
			}
		}
	})
	return c
}

func tail(s string) string {
	const most = 4000
	return s[max(0, len(s)-most):]
}

// alive lists the servers that run.
func (c *cluster) alive() []*process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// start starts a server.
func (c *cluster) start() *process {
	c.t.Helper()
	c.started++
	p := serve(c.t, fmt.Sprintf("n%d", c.started), c.db, c.lease)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, p)
	return p
}

// take takes the i-th server out of those that run.
func (c *cluster) take(i int) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.nodes[i]
	c.nodes = slices.Delete(c.nodes, i, i+1)
	return p
}

func (c *cluster) put(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, p)
}

// call makes a request and decodes the answer.
func (c *cluster) call(ctx context.Context, p *process, method, path string, body io.Reader, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(raw, into)
	}
	return resp.StatusCode, err
}

// addHooks registers webhooks, some of them ordered.
func (c *cluster) addHooks(n int) {
	c.t.Helper()
	for i := range n {
		name := fmt.Sprintf("h%d", i)
		if i%4 == 0 {
			name = fmt.Sprintf("ordered%d", i)
		}
		c.addHook(name, window, i%4 == 0)
	}
}

// addHook registers a webhook, by way of any server.
func (c *cluster) addHook(name string, maxInFlight int, ordered bool) {
	c.t.Helper()
	settings := map[string]any{
		"url": c.sink.url + "/" + name, "max_in_flight": maxInFlight, "ordered": ordered, "retry_count": 20, "retry_delay": 1, "retry_backoff": 1,
	}
	if ordered {
		settings["agent_filter"] = []string{agent(0)}
	}
	body, err := json.Marshal(settings)
	if err != nil {
		c.t.Fatal(err)
	}
	nodes := c.alive()
	var answer json.RawMessage
	status, err := c.call(c.t.Context(), nodes[len(c.hooks)%len(nodes)], http.MethodPost, "/v1/webhooks", bytes.NewReader(body), &answer)
	if err != nil || status != http.StatusCreated {
		c.t.Fatalf("add webhook: %d %s %v", status, answer, err)
	}
	c.hooks = append(c.hooks, name)
}

// flows waits until every webhook got something new after this moment, and
// returns how long that took.
func (c *cluster) flows(what string, within time.Duration) time.Duration {
	c.t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.sink.behind(c.hooks, began) > 0 {
		<-tick.C
		if waited := time.Since(began); waited > within {
			c.t.Fatalf("%s: after %s, %d of %d webhooks have got nothing new", what, waited, c.sink.behind(c.hooks, began), len(c.hooks))
		}
	}
	took := time.Since(began)
	c.t.Logf("%s: every webhook goes on after %s", what, took.Round(time.Millisecond))
	return took
}

// until waits until a condition holds.
func (c *cluster) until(what string, within time.Duration, holds func() bool) {
	c.t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		<-tick.C
		if time.Since(began) > within {
			c.t.Fatalf("after %s it is not so: %s", within, what)
		}
	}
}

// takeover is within how long the webhooks of a lost node must go on.
const takeover = 10 * time.Second

func (c *cluster) killOne(i int) {
	c.t.Helper()
	c.faults++
	p := c.take(i)
	p.kill()
	c.flows("kill -9 of "+p.name, takeover)
}

func (c *cluster) killTwo() {
	c.t.Helper()
	c.faults += 2
	a, b := c.take(0), c.take(0)
	a.kill()
	b.kill()
	c.flows("kill -9 of "+a.name+" and "+b.name, takeover)
}

// startOne starts a server, which must come to own its share of the slots.
func (c *cluster) startOne() {
	c.t.Helper()
	p := c.start()
	share := alma.Slots / len(c.alive()) / 2 // Half of it at least: they are drawn.
	owned := 0
	c.until(p.name+" owns its share", takeover, func() bool {
		owned = c.slots()[p.name]
		return owned >= share
	})
	c.flows(fmt.Sprintf("start of %s, which serves %d slots", p.name, owned), takeover)
}

// stopOne ends a server as an operator does: it hands its webhooks on, and
// nothing is sent twice.
func (c *cluster) stopOne(i int) {
	c.t.Helper()
	before := c.quiet()
	p := c.take(i)
	p.signal(syscall.SIGTERM)
	if err := p.wait(); err != nil {
		c.t.Errorf("%s ended with %v after SIGTERM:\n%s", p.name, err, tail(p.log.String()))
	}
	c.flows("SIGTERM of "+p.name, takeover)
	if again := c.quiet() - before; again > 0 {
		c.t.Errorf("SIGTERM of %s: %d requests were made twice", p.name, again)
	}
}

// quiet waits until what earlier steps made be repeated has come, and returns
// how many repeats there were.
func (c *cluster) quiet() int {
	c.t.Helper()
	n, since := -1, time.Now()
	c.until("no more repeats come", time.Minute, func() bool {
		if now := c.sink.repeats(); now != n {
			n, since = now, time.Now()
		}
		return time.Since(since) > 1500*time.Millisecond // A retry comes after one second.
	})
	return n
}

// freezeOne stops a process for longer than its lease, while it waits for
// answers, and lets it go on. What the answers came to is refused then. Whether
// it comes to say so before it hears that its time was over is a race: three
// times in a row it does not lose it.
func (c *cluster) freezeOne(i int) {
	c.t.Helper()
	for range 3 {
		p := c.freeze(i)
		if strings.Contains(p.log.String(), "late outcomes are dropped") {
			return
		}
		i = len(c.alive()) - 1 // Where it was put.
	}
	p := c.alive()[i]
	c.t.Errorf("%s had answers, and said nothing about dropping them:\n%s", p.name, tail(p.log.String()))
}

func (c *cluster) freeze(i int) *process {
	c.t.Helper()
	c.faults++
	c.balanced()
	p := c.take(i)
	mine := c.served(p)
	if len(mine) == 0 {
		c.t.Fatalf("%s serves no webhook", p.name)
	}
	seen := strings.Count(p.log.String(), outlived)
	c.sink.holdAnswers()
	c.until("a request of "+p.name+" waits for its answer", takeover, func() bool { return c.sink.holds(mine) })
	p.signal(syscall.SIGSTOP)
	c.sink.release() // The answers wait for the process.
	c.flows("SIGSTOP of "+p.name, takeover)
	c.until("the slots of "+p.name+" are taken over", takeover, func() bool { return c.slots()[p.name] == 0 })
	before := c.places()
	p.signal(syscall.SIGCONT)
	c.flows("SIGCONT of "+p.name, takeover)
	c.until(p.name+" has noticed that others had taken over", takeover, func() bool { return strings.Count(p.log.String(), outlived) > seen })
	c.compare(before)
	c.put(p)
	return p
}

// outlived is what a server says whose session was ended by others.
const outlived = "its lease had run out"

// balanced waits until all slots are owned and none has moved for a second.
func (c *cluster) balanced() {
	c.t.Helper()
	var last map[string]int
	since := time.Now()
	c.until("the slots are shared out", 3*takeover, func() bool {
		all := 0
		now := c.slots()
		for _, n := range now {
			all += n
		}
		if !maps.Equal(now, last) {
			last, since = now, time.Now()
		}
		return all == alma.Slots && len(now) == len(c.alive()) && time.Since(since) > time.Second
	})
}

// stopDatabase stops PostgreSQL for a while.
func (c *cluster) stopDatabase(d time.Duration) {
	c.t.Helper()
	c.faults++
	if err := c.pg.Stop(); err != nil {
		c.t.Fatal(err)
	}
	<-time.After(d)
	if err := c.pg.Restart(); err != nil {
		c.t.Fatal(err)
	}
	c.flows(fmt.Sprintf("PostgreSQL away for %s", d), 3*takeover)
}

// cutConnections ends all connections to PostgreSQL, again and again, whatever
// they are in the middle of.
func (c *cluster) cutConnections(d time.Duration) {
	c.t.Helper()
	c.faults++
	ctx := c.t.Context()
	conn, err := pgx.Connect(ctx, c.pg.URL("postgres"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(ctx)
	cut, began := 0, time.Now()
	for time.Since(began) < d {
		var n int
		err := conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity WHERE datname LIKE 'alma_test%'`).Scan(&n)
		if err != nil {
			c.t.Fatal(err)
		}
		cut += n
		<-time.After(50 * time.Millisecond)
	}
	c.t.Logf("%d connections cut", cut)
	c.flows("connections cut", 3*takeover)
}

// verify waits for the end and compares what arrived with what was stored.
func (c *cluster) verify() {
	c.t.Helper()
	c.load.end()
	stored := c.load.stored()
	c.await(stored)
	repeats, deliveries := 0, 0
	for _, hook := range c.hooks {
		lost, again := c.sink.lacks(hook, wanted(hook, stored))
		if lost > 0 {
			c.t.Errorf("%s: %d of %d events are lost", hook, lost, len(wanted(hook, stored)))
		}
		if most := c.faults * 2 * window; again > most {
			c.t.Errorf("%s: %d repeats; %d faults allow %d", hook, again, c.faults, most)
		}
		if strings.HasPrefix(hook, "ordered") {
			c.checkOrder(hook)
		}
		repeats += again
		deliveries += len(c.sink.arrivals(hook))
	}
	c.t.Logf("%d events, %d webhooks, %d deliveries: none lost, %d repeats after %d faults; %d appends were refused and repeated",
		len(stored), len(c.hooks), deliveries, repeats, c.faults, c.load.refused.Load())
}

// await waits until every webhook got every event that was acknowledged and is
// meant for it, as long as something comes.
func (c *cluster) await(stored []eventNumber) {
	const patience = 20 * time.Second
	for last, lacking := time.Now(), -1; time.Since(last) < patience; <-time.After(100 * time.Millisecond) {
		now := 0
		for _, hook := range c.hooks {
			lost, _ := c.sink.lacks(hook, wanted(hook, stored))
			now += lost
		}
		if now == 0 {
			return
		}
		if now != lacking {
			last, lacking = time.Now(), now
		}
	}
}

// wanted returns the events that are meant for a webhook: ordered ones, which
// get one event after another, want those of one client.
func wanted(hook string, events []eventNumber) []eventNumber {
	if !strings.HasPrefix(hook, "ordered") {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(n eventNumber) bool { return n.Loader != 0 })
}

// checkOrder expects that events came one after another, repeats aside.
func (c *cluster) checkOrder(hook string) {
	c.t.Helper()
	last := 0
	list := c.sink.arrivals(hook)
	for i, a := range list {
		if i > 0 && a.began.Before(list[i-1].began) {
			continue // Told by its end; it is looked at there.
		}
		switch next := last + 1; {
		case a.event.Number > next:
			c.t.Errorf("%s: event %d came before %d", hook, a.event.Number, next)
			return
		case a.event.Number == next:
			last = next
		default: // A repeat.
		}
	}
}
