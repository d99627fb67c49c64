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

// load appends events by REST, to whatever server takes them, again and again
// until one does. The ids are its own, so a repeat of what was stored already is
// a duplicate.
type load struct {
	c       *cluster
	stop    context.CancelFunc
	done    sync.WaitGroup
	acked   atomic.Int64 // All events up to here are stored.
	refused atomic.Int64 // Answers other than 202.
}

const (
	loadEvery = 50 * time.Millisecond
	loadBatch = 3
)

func (c *cluster) startLoad() *load {
	l := &load{c: c}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.done.Go(func() { l.run(ctx) })
	return l
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

func (l *load) run(ctx context.Context) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for next := 1; ; next += loadBatch {
		body, err := json.Marshal(batch(next))
		if err != nil {
			panic(err)
		}
		for !l.post(ctx, body) {
			if ctx.Err() != nil {
				return
			}
		}
		l.acked.Store(int64(next + loadBatch - 1))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func eventID(number int) string { return fmt.Sprintf("e-%07d", number) }

func batch(from int) []map[string]any {
	list := make([]map[string]any, loadBatch)
	for i := range list {
		list[i] = map[string]any{
			"event_id": eventID(from + i), "event_type": "CREATED", "memory_id": "m", "data": map[string]any{"number": from + i},
		}
	}
	return list
}

// post offers a batch to each server once.
func (l *load) post(ctx context.Context, body []byte) bool {
	for _, p := range l.c.alive() {
		status, err := l.c.call(ctx, p, http.MethodPost, "/v1/events", bytes.NewReader(body), nil)
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
