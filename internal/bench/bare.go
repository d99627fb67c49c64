package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// bareConnections is the window of a webhook.
const bareConnections = 64

// bareClient is the measure of everything else: net/http's client over
// connections that it keeps, posting the bytes of a delivery to the sink.
func (r *run) bareClient(ctx context.Context) ([]Result, error) {
	r.title = "bare client"
	u, err := measured(func() error { return r.postBare(ctx, r.cfg.Events) })
	if err != nil {
		return nil, fmt.Errorf("bare client: %w", err)
	}
	r.bare = float64(r.cfg.Events) / u.elapsed.Seconds()
	res := r.throughput(fmt.Sprintf("bare client, %d connections", bareConnections), 0, u, r.cfg.Events)
	res.Case, res.Unit = "bare", "requests/s"
	return []Result{res}, nil
}

// refresh measures the bare client again, so that what is compared lies close
// together in time.
func (r *run) refresh(ctx context.Context) error {
	u, err := measured(func() error { return r.postBare(ctx, r.cfg.Events/2) })
	r.bare = float64(r.cfg.Events/2) / u.elapsed.Seconds()
	return err
}

func (r *run) postBare(ctx context.Context, n int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: bareConnections, MaxIdleConnsPerHost: bareConnections}}
	defer client.CloseIdleConnections()
	r.sink.expect(n)
	err := parallel(ctx, bareConnections, n, func(ctx context.Context, _ int) error {
		return post(ctx, client, r.sink.url, "", wireBody, http.StatusNoContent)
	})
	if err != nil {
		return err
	}
	return r.sink.await(ctx, func(done int) { r.cfg.Progress(r.title, done, n) })
}

// parallel calls f n times, with 0 to n-1, from so many goroutines.
func parallel(ctx context.Context, goroutines, n int, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range goroutines {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := f(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait() //nolint:wrapcheck // It is f's.
}

func post(ctx context.Context, client *http.Client, url, key, body string, want int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	defer resp.Body.Close() // It is read to its end.
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("post: answered %d: %s", resp.StatusCode, answer)
	}
	return err
}
