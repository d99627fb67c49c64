package almatest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// Patience is how long waiting lasts when the context has no deadline.
const Patience = 10 * time.Second

// Requests returns what has arrived so far, in order.
func (r *Recorder) Requests() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Received, len(r.requests))
	for i, got := range r.requests {
		out[i] = *got
	}
	return out
}

// Events returns the events of the requests that were answered with a 2xx, in
// order of arrival, repeats included.
func (r *Recorder) Events() []alma.Event {
	var events []alma.Event
	for _, got := range r.Requests() {
		if got.Status >= 200 && got.Status <= 299 {
			events = append(events, got.Events...)
		}
	}
	return events
}

// Wait waits until n requests have arrived, answered or not, and returns all
// there are. When ctx ends before (after [Patience] without a deadline), it
// fails the test with what did arrive. Call it from the test's goroutine.
func (r *Recorder) Wait(ctx context.Context, n int) []Received {
	r.t.Helper()
	if !r.until(ctx, func() bool { return len(r.Requests()) >= n }) {
		r.t.Fatalf("almatest: waited for %d requests; %s", n, r.arrived())
	}
	return r.Requests()
}

// WaitEvents waits until n different events were answered with a 2xx, and
// returns all events so answered, repeats included. It fails the test as
// [Recorder.Wait] does.
func (r *Recorder) WaitEvents(ctx context.Context, n int) []alma.Event {
	r.t.Helper()
	if !r.until(ctx, func() bool { return r.distinct() >= n }) {
		r.t.Fatalf("almatest: waited for %d events to be taken, got %d; %s", n, r.distinct(), r.arrived())
	}
	return r.Events()
}

func (r *Recorder) distinct() int {
	ids := map[string]bool{}
	for _, e := range r.Events() {
		ids[e.ID] = true
	}
	return len(ids)
}

func (r *Recorder) until(ctx context.Context, holds func() bool) bool {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Patience)
		defer cancel()
	}
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if holds() {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// arrived describes the requests for a failure message.
func (r *Recorder) arrived() string {
	requests := r.Requests()
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests arrived", len(requests))
	for _, got := range requests {
		fmt.Fprintf(&b, "\n  %d: %s %s → %d, %d events", got.Number, got.Method, got.URL, got.Status, len(got.Events))
		if got.VerifyErr != nil {
			fmt.Fprintf(&b, ", %v", got.VerifyErr)
		}
		if got.DecodeErr != nil {
			fmt.Fprintf(&b, ", %v", got.DecodeErr)
		}
	}
	return b.String()
}
