package api_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma/internal/server/api"
)

// After some wrong keys the answers to an address come later and later, and at
// last not at all.
func TestWrongKeysAreSlowedDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := api.NewGuesses()
		const guesser = "192.0.2.1:999"
		var took []time.Duration
		for range 8 {
			began := time.Now()
			if wait := g.Wrong(t.Context(), guesser); wait != 0 {
				t.Fatalf("told to come again in %v", wait)
			}
			took = append(took, time.Since(began))
		}
		for i, want := range []time.Duration{0, 0, 0, 0, 0, time.Second, 2 * time.Second, 4 * time.Second} {
			if took[i] != want {
				t.Errorf("answer %d came after %v, want %v", i+1, took[i], want)
			}
		}
		if wait := g.Wrong(t.Context(), guesser); wait != 8*time.Second {
			t.Errorf("told to come again in %v, want 8s at once", wait)
		}
		began := time.Now()
		if wait := g.Wrong(t.Context(), "192.0.2.2:999"); wait != 0 || time.Since(began) != 0 {
			t.Error("another address pays for it")
		}
	})
}

// Only so many wait; a client that goes away waits no longer.
func TestFewWrongKeysWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := api.NewGuesses()
		ctx, leave := context.WithCancel(t.Context())
		for range 5 {
			g.Wrong(ctx, "[2001:db8::1]:999")
		}
		var sentAway atomic.Int64
		for range 100 {
			go func() {
				if wait := g.Wrong(ctx, "[2001:db8::2]:999"); wait > 0 { // Of the same network.
					sentAway.Add(1)
				}
			}()
		}
		synctest.Wait()
		if n := sentAway.Load(); n != 100-api.MaxHeld {
			t.Errorf("%d were sent away at once, want %d", n, 100-api.MaxHeld)
		}
		leave()
		synctest.Wait()
		if n := sentAway.Load(); n != 100 {
			t.Errorf("%d of 100 have ended", n)
		}
	})
}

// A key that holds is answered at once while its address is held back.
func TestRightKeyAmongWrongOnes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.address = "192.0.2.1:999"
	for range 5 {
		r.do("alma_wrong", http.MethodGet, "/v1/keys", nil).want(http.StatusUnauthorized)
	}
	answered := make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/keys", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer alma_wrong")
	req.Header.Set(testAddress, r.address)
	began := time.Now()
	go func() {
		defer close(answered)
		resp, err := r.client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		if err == nil && time.Since(began) < time.Second {
			t.Errorf("the sixth wrong key was answered with %d at once", resp.StatusCode)
		}
	}()
	for range 5 {
		r.get("/v1/keys").want(http.StatusOK)
	}
	leave()
	<-answered
}
