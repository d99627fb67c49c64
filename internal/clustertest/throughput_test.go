//go:build unix

package clustertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// TestThroughput measures how much one, two and three nodes deliver. All of
// them, PostgreSQL and the listener share this machine: it shows what sharing
// costs, not what more machines would bring.
func TestThroughput(t *testing.T) { //nolint:paralleltest // It measures.
	events, err := strconv.Atoi(os.Getenv("ALMA_CLUSTER_THROUGHPUT"))
	if err != nil {
		t.Skip("set ALMA_CLUSTER_THROUGHPUT to a number of events")
	}
	for nodes := 1; nodes <= 3; nodes++ {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) { measure(t, nodes, events) })
	}
}

const (
	measuredHooks = 10
	measuredBatch = 100
	clients       = 4
)

func measure(t *testing.T, nodes, events int) {
	t.Helper()
	// As safe as an operator has it, but for the programs' own settings.
	c := newCluster(t, 5*time.Second, "fsync=on", "full_page_writes=on", "autovacuum=on", "shared_buffers=128MB")
	c.sink.counting.Store(true)
	for range nodes {
		c.start()
	}
	for i := range measuredHooks {
		c.addHook(fmt.Sprint("h", i), 64, false)
	}
	c.until("the slots are shared out", takeover, func() bool {
		slots, all := c.slots(), 0
		for _, n := range slots {
			all += n
		}
		return len(slots) == nodes && all == alma.Slots
	})
	used := c.processor()
	began := time.Now()
	c.appendAll(events)
	appended := time.Since(began)
	want := int64(events * measuredHooks)
	for end := began.Add(10 * time.Minute); c.sink.counted.Load() < want && time.Now().Before(end); {
		<-time.After(10 * time.Millisecond)
	}
	took := time.Since(began)
	if got := c.sink.counted.Load(); got < want {
		t.Fatalf("%d nodes: after %s, %d of %d deliveries have arrived", nodes, took.Round(time.Second), got, want)
	}
	t.Logf("%d nodes: %d events appended at %.0f/s; %d deliveries to %d webhooks at %.0f/s",
		nodes, events, float64(events)/appended.Seconds(), c.sink.counted.Load(), measuredHooks, float64(want)/took.Seconds())
	t.Logf("%d nodes, in %s: %s", nodes, took.Round(10*time.Millisecond), c.processor().since(used))
}

// appendAll appends events by REST, from several clients, on all nodes.
func (c *cluster) appendAll(events int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		p := c.alive()[i%len(c.alive())]
		wg.Go(func() {
			for from := next.Add(measuredBatch) - measuredBatch; from < int64(events); from = next.Add(measuredBatch) - measuredBatch {
				list := make([]map[string]any, measuredBatch)
				for k := range list {
					list[k] = map[string]any{
						"event_id": eventNumber{0, int(from) + k}.id(), "event_type": "CREATED", "memory_id": "m",
						"data": map[string]any{"strategy": "retry the request once, then tell the user what went wrong", "confidence": 0.85},
					}
				}
				body, err := json.Marshal(list)
				if err != nil {
					c.t.Error(err)
					return
				}
				if status, err := c.call(c.t.Context(), p, http.MethodPost, "/v1/events", bytes.NewReader(body), nil); err != nil || status != http.StatusAccepted {
					c.t.Errorf("append: %d %v", status, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
