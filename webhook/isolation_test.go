package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// crossing is a manager whose listeners all live at one place, and note when
// what arrived. A webhook listens to the project that is its name.
type crossing struct {
	*webhook.Manager
	t     *testing.T
	takes func(hook string) time.Duration

	mu      sync.Mutex
	arrived map[string][]time.Duration // By webhook: how long each event took from its append.
}

// atCrossing runs a test with many webhooks in a bubble.
func atCrossing(t *testing.T, maxInFlight int, f func(t *testing.T, x *crossing)) {
	t.Helper()
	crossingOf(t, nil, maxInFlight, f)
}

// atCrossingOf is atCrossing with a listener of one's own.
func atCrossingOf(t *testing.T, listener http.Handler, f func(t *testing.T, x *crossing)) {
	t.Helper()
	crossingOf(t, listener, 0, f)
}

func crossingOf(t *testing.T, listener http.Handler, maxInFlight int, f func(t *testing.T, x *crossing)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.OpenMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		x := &crossing{t: t, arrived: map[string][]time.Duration{}, takes: func(string) time.Duration { return 0 }}
		if listener == nil {
			listener = x
		}
		logger := slog.New(slog.DiscardHandler)
		x.Manager, err = webhook.New(webhook.Config{
			Storage: store, Emitter: events.New(events.Config{Logger: logger}), Logger: logger,
			Dial: almatest.NewPipeListener(t, listener).Dial, MaxInFlight: maxInFlight,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if err := x.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, x)
	})
}

// ServeHTTP is the listener of all webhooks.
func (x *crossing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ev alma.Event
	if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
		return // The sender is gone.
	}
	hook := ev.ProjectID
	x.mu.Lock()
	x.arrived[hook] = append(x.arrived[hook], time.Since(ev.Timestamp))
	takes := x.takes(hook)
	x.mu.Unlock()
	if takes > 0 {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (x *crossing) add(hook string, cfg alma.WebhookConfig) {
	x.t.Helper()
	cfg.URL, cfg.ProjectFilter = "http://listener.example/"+hook, []string{hook}
	if _, err := x.Add(x.t.Context(), cfg); err != nil {
		x.t.Fatal(err)
	}
}

// emit appends one event for each of the webhooks, all at once.
func (x *crossing) emit(hooks ...string) {
	x.t.Helper()
	for len(hooks) > 0 {
		n := min(len(hooks), 500)
		list := make([]alma.Event, n)
		for i := range list {
			list[i] = event("m")
			list[i].ProjectID, list[i].Timestamp = hooks[i], time.Now().UTC()
		}
		if _, err := x.Append(x.t.Context(), list...); err != nil {
			x.t.Fatal(err)
		}
		hooks = hooks[n:]
	}
}

// slowest returns how many events reached a webhook, and how long the slowest of
// them took.
func (x *crossing) slowest(hook string) (n int, took time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range x.arrived[hook] {
		took = max(took, d)
	}
	return len(x.arrived[hook]), took
}

func times(n int, hook string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = hook
	}
	return out
}

func TestTenThousandWebhooksUnderSkewedLoad(t *testing.T) {
	atCrossing(t, 0, func(t *testing.T, x *crossing) {
		const hooks, rounds, each = 10_000, 3, 600
		for i := range hooks {
			x.add(fmt.Sprint("h", i), alma.WebhookConfig{})
		}
		x.takes = func(hook string) time.Duration {
			if hook == "h0" {
				return 100 * time.Millisecond
			}
			return time.Millisecond
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		zipf := rand.NewZipf(rnd, 1.1, 3, hooks-2)
		want := map[string]int{}
		for range rounds {
			burst := times(each, "h0") // Half of all is for one of them, and it is the slowest.
			for range each {
				burst = append(burst, fmt.Sprint("h", 1+zipf.Uint64()))
			}
			for _, hook := range burst {
				want[hook]++
			}
			rnd.Shuffle(len(burst), func(i, j int) { burst[i], burst[j] = burst[j], burst[i] })
			x.emit(burst...)
			pass(200 * time.Millisecond)
		}
		pass(5 * time.Minute)
		if _, took := x.slowest("h0"); took < time.Second {
			t.Errorf("the heavy one's slowest took %s: it was never behind, and the test shows nothing", took)
		}
		for hook, n := range want {
			got, took := x.slowest(hook)
			if got != n {
				t.Errorf("%s got %d events; want %d", hook, got, n)
			}
			if hook != "h0" && took > 150*time.Millisecond {
				t.Errorf("%s, with %d events, waited for %s beside a heavy one", hook, n, took)
			}
		}
	})
}

func TestHundredsOfHangingListenersBesideAHealthyOne(t *testing.T) {
	for hanging, maxInFlight := range map[int]int{500: webhook.DefaultMaxInFlight, 300: 300} {
		t.Run(fmt.Sprint(hanging), func(t *testing.T) { besideHanging(t, hanging, maxInFlight) })
	}
}

// besideHanging lets very many listeners hang. They can occupy three quarters of
// the node at most: so one that is known to be well feels nothing, and a new one
// only from the moment that there are too many of them.
func besideHanging(t *testing.T, many, maxInFlight int) {
	t.Helper()
	atCrossing(t, maxInFlight, func(t *testing.T, x *crossing) {
		hanging := make([]string, many)
		for i := range hanging {
			hanging[i] = fmt.Sprint("hanging", i)
			x.add(hanging[i], alma.WebhookConfig{Timeout: 30 * time.Second})
		}
		x.add("old", alma.WebhookConfig{})
		x.takes = func(hook string) time.Duration {
			if hook == "old" || hook == "new" {
				return 10 * time.Millisecond
			}
			return time.Hour
		}
		x.emit("old")
		pass(time.Second)
		events := 1
		for second := range 120 {
			if second < 40 {
				x.emit(hanging...)
			}
			if second == 20 {
				x.add("new", alma.WebhookConfig{}) // Nobody knows yet that it is well.
			}
			x.emit("old", "old", "old")
			events += 3
			if second > 20 {
				x.emit("new")
			}
			pass(time.Second)
		}
		if n, took := x.slowest("old"); n != events || took > 20*time.Millisecond {
			t.Errorf("the healthy one got %d events of %d, the slowest after %s; want all, and none that waits", n, events, took)
		}
		if n, took := x.slowest("new"); n != 99 || took > 30*time.Millisecond && 2*many < 3*maxInFlight/4 {
			t.Errorf("a new healthy one got %d events of 99, the slowest after %s; want all, and none that waits", n, took)
		}
		if n, _ := x.slowest("hanging7"); n < 2 {
			t.Errorf("a hanging one was tried %d times", n)
		}
	})
}

func TestOneLaneLeavesRoomForOthersWhileTheyWait(t *testing.T) {
	atCrossing(t, 64, func(t *testing.T, x *crossing) {
		x.add("greedy", alma.WebhookConfig{MaxInFlight: 1000})
		for i := range 30 {
			x.add(fmt.Sprint("h", i), alma.WebhookConfig{})
		}
		x.takes = func(hook string) time.Duration {
			if hook == "greedy" {
				return time.Second
			}
			return 10 * time.Millisecond
		}
		x.emit(times(3000, "greedy")...) // It takes all the slots that there are.
		pass(20 * time.Second)
		for range 20 {
			for i := range 30 {
				x.emit(times(3, fmt.Sprint("h", i))...)
			}
			pass(time.Second)
		}
		pass(time.Minute)
		late := 0
		for i := range 30 {
			n, took := x.slowest(fmt.Sprint("h", i))
			if n != 60 {
				t.Errorf("h%d got %d events of 60", i, n)
			}
			if took > 2*time.Second {
				late++
			}
		}
		if late > 0 {
			t.Errorf("%d of 30 webhooks waited for more than two requests of the greedy one", late)
		}
	})
}
