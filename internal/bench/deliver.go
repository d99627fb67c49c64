package bench

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/alma-events/alma"
)

const (
	appendBatch = 100 // Events of one append of the library, and of one request.
	restClients = 32
)

// webhooks registers so many webhooks that lead to the sink.
func (r *run) webhooks(ctx context.Context, e *Engine, n int) error {
	for range n {
		if _, err := e.Manager.Add(ctx, alma.WebhookConfig{URL: r.sink.url, Secret: "a-secret-of-the-benchmark"}); err != nil {
			return err //nolint:wrapcheck // It names the operation.
		}
	}
	return nil
}

// delivered measures how long it takes until what produce appends has arrived
// at so many webhooks.
func (r *run) delivered(ctx context.Context, name string, events, webhooks int, produce func(e *Engine, events int) error) (usage, error) {
	var u usage
	if err := r.refresh(ctx); err != nil {
		return u, err
	}
	err := r.with(ctx, name, func(e *Engine) (err error) {
		if err := r.webhooks(ctx, e, webhooks); err != nil {
			return err
		}
		u, err = r.arriving(ctx, events*webhooks, func() error { return produce(e, events) })
		return err
	})
	return u, err
}

// arriving measures how long it takes until n deliveries have arrived that
// produce causes, and tells how far they are meanwhile.
func (r *run) arriving(ctx context.Context, n int, produce func() error) (usage, error) {
	return measured(func() error {
		r.sink.expect(n)
		g, ctx := errgroup.WithContext(ctx)
		g.Go(produce)
		g.Go(func() error { return r.sink.await(ctx, func(done int) { r.cfg.Progress(r.title, done, n) }) })
		return g.Wait() //nolint:wrapcheck // They name what failed.
	})
}

// append is the library's way: 100 events an append, one appender.
func (r *run) append(ctx context.Context) ([]Result, error) {
	n := r.cfg.Events
	u, err := r.delivered(ctx, "append", n, 1, r.appendAll(ctx, 1, appendBatch))
	if err != nil {
		return nil, err
	}
	batched := r.throughput("library, 100 events an append → delivered", 0.70, u, n)
	u, err = r.delivered(ctx, "append-single", n, 1, r.appendAll(ctx, restClients, 1))
	if err != nil {
		return nil, err
	}
	return []Result{batched, r.throughput("library, one event an append, 32 appenders → delivered", 0, u, n)}, nil
}

func (r *run) fanout10(ctx context.Context) ([]Result, error) {
	return r.fanout(ctx, 10, 0.70)
}

func (r *run) fanout100(ctx context.Context) ([]Result, error) {
	return r.fanout(ctx, 100, 0)
}

// fanout delivers each event to so many webhooks; the deliveries are as many
// as in the other cases.
func (r *run) fanout(ctx context.Context, webhooks int, goal float64) ([]Result, error) {
	n := max(r.cfg.Events/webhooks, appendBatch)
	u, err := r.delivered(ctx, fmt.Sprintf("fanout-%d", webhooks), n, webhooks, r.appendAll(ctx, 1, appendBatch))
	return []Result{r.throughput(fmt.Sprintf("library append → %d webhooks", webhooks), goal, u, n*webhooks)}, err
}

// appendAll returns a producer: so many goroutines append batches.
func (r *run) appendAll(ctx context.Context, goroutines, batch int) func(*Engine, int) error {
	return func(e *Engine, events int) error {
		calls := (events + batch - 1) / batch
		return parallel(ctx, goroutines, calls, func(ctx context.Context, i int) error {
			list := make([]alma.Event, min(batch, events-i*batch))
			for j := range list {
				list[j] = event()
			}
			_, err := e.Manager.Append(ctx, list...)
			return err //nolint:wrapcheck // It names the operation.
		})
	}
}

func (r *run) restSingle(ctx context.Context) ([]Result, error) {
	n := r.cfg.Events / 2
	u, err := r.delivered(ctx, "rest-single", n, 1, r.postAll(ctx, 1))
	return []Result{r.throughput("REST, one event a request, 32 clients → delivered", 0.32, u, n)}, err
}

func (r *run) restBatch(ctx context.Context) ([]Result, error) {
	n := r.cfg.Events
	u, err := r.delivered(ctx, "rest-batch", n, 1, r.postAll(ctx, appendBatch))
	return []Result{r.throughput("REST, 100 events a request → delivered", 0.60, u, n)}, err
}

func (r *run) restFanout(ctx context.Context) ([]Result, error) {
	n := max(r.cfg.Events/10, appendBatch)
	u, err := r.delivered(ctx, "rest-fanout", n, 10, r.postAll(ctx, 1))
	return []Result{r.throughput("REST, one event a request → 10 webhooks", 0.50, u, n*10)}, err
}

// postAll returns a producer: 32 clients post batches to the REST API.
func (r *run) postAll(ctx context.Context, batch int) func(*Engine, int) error {
	return func(e *Engine, events int) error {
		client := &http.Client{Transport: &http.Transport{MaxIdleConns: restClients, MaxIdleConnsPerHost: restClients}}
		defer client.CloseIdleConnections()
		body := eventBody
		if batch > 1 {
			body = "[" + strings.Repeat(eventBody+",", batch-1) + eventBody + "]"
		}
		return parallel(ctx, restClients, events/batch, func(ctx context.Context, _ int) error {
			return post(ctx, client, e.URL+"/v1/events", e.Key, body, http.StatusAccepted)
		})
	}
}
