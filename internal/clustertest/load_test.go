//go:build unix

package clustertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load appends events by REST, from several clients at once, each to whatever
// server takes them, again and again until one does. The ids are its own, so a
// repeat of what was stored already is a duplicate.
type load struct {
	c       *cluster
	stop    context.CancelFunc
	done    sync.WaitGroup
	acked   [loaders]atomic.Int64 // All events of a client up to here are stored.
	refused atomic.Int64          // Answers other than 202.
}

// 80 events a second, each to every webhook: enough that each fault meets many
// deliveries, and the machine is not busy with more.
const (
	loaders   = 4
	loadEvery = 100 * time.Millisecond
	loadBatch = 2
)

func (c *cluster) startLoad() *load {
	l := &load{c: c}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	for i := range loaders {
		l.done.Go(func() { l.run(ctx, i) })
	}
	return l
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

func (l *load) run(ctx context.Context, loader int) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for next := 1; ; next += loadBatch {
		body, err := json.Marshal(batch(loader, next))
		if err != nil {
			panic(err)
		}
		for turn := loader; !l.post(ctx, turn, body); turn++ {
			if ctx.Err() != nil {
				return
			}
		}
		l.acked[loader].Store(int64(next + loadBatch - 1))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// stored lists the events that were acknowledged.
func (l *load) stored() (list []eventNumber) {
	for loader := range l.acked {
		for number := 1; number <= int(l.acked[loader].Load()); number++ {
			list = append(list, eventNumber{loader, number})
		}
	}
	return list
}

// eventNumber names an event: the client that appended it, and which of its
// events it is, from 1 on.
type eventNumber struct {
	Loader int `json:"loader"`
	Number int `json:"number"`
}

func (n eventNumber) id() string { return fmt.Sprintf("e-%d-%07d", n.Loader, n.Number) }

// agent is in whose name a client appends.
func agent(loader int) string { return fmt.Sprint("client-", loader) }

func batch(loader, from int) []map[string]any {
	list := make([]map[string]any, loadBatch)
	for i := range list {
		n := eventNumber{loader, from + i}
		list[i] = map[string]any{"event_id": n.id(), "event_type": "CREATED", "memory_id": "m", "agent": agent(loader), "data": n}
	}
	return list
}

// post offers a batch to each server once, to another one first in each turn.
func (l *load) post(ctx context.Context, turn int, body []byte) bool {
	nodes := l.c.alive()
	for i := range nodes {
		status, err := l.c.call(ctx, nodes[(turn+i)%len(nodes)], http.MethodPost, "/v1/events", bytes.NewReader(body), nil)
		if err == nil && status == http.StatusAccepted {
			return true
		}
		l.refused.Add(1)
	}
	select {
	case <-time.After(loadEvery):
	case <-ctx.Done():
	}
	return false
}
