package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

const (
	kills = 5
	// repeatsPerKill is how many deliveries one end can make be repeated: what one
	// webhook has in flight, and as many again whose outcomes are on their way to
	// the disk.
	repeatsPerKill = 2 * alma.DefaultMaxInFlight
)

// Process is a server in a process of its own.
type Process struct {
	URL  string // Of its REST API.
	Key  string // For its REST API.
	Kill func() // As SIGKILL does; returns when it is gone. May be called again.
}

// killed ends servers in the middle of their work, again and again, and counts
// what of the acknowledged events is lost, and what is delivered more than once.
func (r *run) killed(ctx context.Context) ([]Result, error) {
	if r.cfg.Spawn == nil {
		return nil, nil
	}
	perLife := max(r.cfg.Events/20, 20)
	r.sink.record()
	defer r.sink.forget()
	ack := &acknowledged{ids: map[string]bool{}}
	start := time.Now()
	for i := range kills {
		if err := r.life(ctx, ack, perLife, i == 0); err != nil {
			return nil, err
		}
		r.cfg.Progress(r.title, i+1, kills)
	}
	lost, err := r.aftermath(ctx, ack)
	if err != nil {
		return nil, err
	}
	repeats := r.sink.repeats()
	return []Result{{
		Title: fmt.Sprintf("kill -9, %d times in the middle of REST appends and deliveries", kills),
		Goal:  fmt.Sprintf("0 lost, ≤ %d repeated", kills*repeatsPerKill),
		Figure: fmt.Sprintf("%s acknowledged events lost of %s, %s repeated, in %.0f s",
			group(float64(lost)), group(float64(len(ack.ids))), group(float64(repeats)), time.Since(start).Seconds()),
		Value: float64(lost), Unit: "events", Met: new(lost == 0 && repeats <= kills*repeatsPerKill),
	}}, nil
}

// life lets clients post to a server, and ends it after some of the deliveries.
func (r *run) life(ctx context.Context, ack *acknowledged, events int, first bool) error {
	p, err := r.cfg.Spawn(ctx, "killed")
	if err != nil {
		return err
	}
	defer p.Kill()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: restClients}}
	defer client.CloseIdleConnections()
	if first {
		hook := fmt.Sprintf(`{"url":%q,"secret":"a-secret-of-the-benchmark"}`, r.sink.url)
		if err := post(ctx, client, p.URL+"/v1/webhooks", p.Key, hook, http.StatusCreated); err != nil {
			return err
		}
	}
	before := r.sink.count.Load()
	posted := make(chan error, 1)
	go func() {
		posted <- parallel(ctx, restClients, events, func(ctx context.Context, _ int) error {
			id := alma.NewEventID()
			err := post(ctx, client, p.URL+"/v1/events", p.Key, eventBody[:len(eventBody)-1]+`,"event_id":"`+id+`"}`, http.StatusAccepted)
			if err == nil {
				ack.add(id)
			}
			return err
		})
	}()
	err = r.sink.reach(ctx, before+1+rand.Int64N(int64(events)/2))
	p.Kill()
	if cut := <-posted; err != nil { // Else it is what the end of the server makes of requests.
		err = errors.Join(err, cut)
	}
	return err
}

// aftermath starts the server for the last time, and returns how many of the
// acknowledged events have not been delivered when it has nothing left to do.
func (r *run) aftermath(ctx context.Context, ack *acknowledged) (lost int, err error) {
	p, err := r.cfg.Spawn(ctx, "killed")
	if err != nil {
		return 0, err
	}
	defer p.Kill()
	at, since := int64(-1), time.Now()
	for {
		waiting, err := lag(ctx, p)
		if err != nil {
			return 0, err
		}
		if waiting == 0 {
			return r.sink.lacks(ack.ids), nil
		}
		if now := r.sink.count.Load(); now != at {
			at, since = now, time.Now()
		} else if time.Since(since) > time.Minute {
			return 0, fmt.Errorf("after the last start %d deliveries wait, and none was made for a minute", waiting)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// lag is how much the server's webhook has yet to get.
func lag(ctx context.Context, p *Process) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/v1/webhooks", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("ask for the lag: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask for the lag: %w", err)
	}
	defer resp.Body.Close() // It is read to its end.
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("ask for the lag: %w", err)
	}
	var list struct {
		Items []struct {
			Lag      int64 `json:"lag"`
			Waiting  int64 `json:"waiting"`
			InFlight int64 `json:"in_flight"`
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil || len(list.Items) != 1 {
		return 0, fmt.Errorf("ask for the lag: answered %d: %s", resp.StatusCode, answer)
	}
	w := list.Items[0]
	return w.Lag + w.Waiting + w.InFlight, nil
}

// acknowledged are the ids of events that the server has said it holds.
type acknowledged struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *acknowledged) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[id] = true
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
