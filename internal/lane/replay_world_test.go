package lane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing/synctest"

	"github.com/alma-events/alma"
)

// What the world's store knows about replays.

// replay makes a replay of the stretch from one position to another, both
// included, and lets the lane know.
func (w *world) replay(from, to int64, status alma.DeliveryStatus) string {
	w.mu.Lock()
	r := &alma.Replay{
		ID: fmt.Sprint("rpl_", len(w.replays)+1), WebhookID: "wh_test", State: alma.ReplayRunning,
		ReplayQuery: alma.ReplayQuery{Status: status}, Cursor: alma.Position{Seq: from - 1},
		Last: alma.Position{Seq: min(to, int64(len(w.log)))},
	}
	if r.Last.Before(r.Cursor) {
		r.Last = r.Cursor
	}
	w.replays = append(w.replays, r)
	w.mu.Unlock()
	w.refreshReplays()
	return r.ID
}

// setReplay changes the state of an unfinished replay.
func (w *world) setReplay(id string, state alma.ReplayState) {
	w.mu.Lock()
	for _, r := range w.replays {
		if r.ID == id && !r.State.Finished() {
			r.State = state
		}
	}
	w.mu.Unlock()
	w.refreshReplays()
}

// refreshReplays is what the engine does when replays changed.
func (w *world) refreshReplays() {
	for {
		seen := w.lane.Replays()
		if w.lane.SetReplays(seen, w.unfinished()) {
			return
		}
	}
}

func (w *world) unfinished() []alma.Replay {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []alma.Replay
	for _, r := range w.replays {
		if !r.State.Finished() {
			out = append(out, *r)
		}
	}
	return out
}

func (w *world) replayState(id string) alma.Replay {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.replays {
		if r.ID == id {
			return *r
		}
	}
	w.t.Fatal("no replay " + id)
	return alma.Replay{}
}

func (w *world) moveReplay(p *alma.ReplayProgress) {
	for _, r := range w.replays {
		if r.ID != p.ReplayID {
			continue
		}
		if r.Cursor.Before(p.Cursor) {
			r.Cursor = p.Cursor
		}
		r.Looked += p.Looked
		r.Delivered += p.Delivered
		r.Failed += p.Failed
		r.Retrying += p.Retrying
		r.Passed += p.Passed
		if p.State != "" && !r.State.Finished() {
			r.State, r.StateReason = p.State, p.Reason
		}
	}
}

// leaveBatches takes the members of an exception out of others that hold them.
func (w *world) leaveBatches(e *alma.Exception) {
	members := e.Members
	if members == nil {
		members = []alma.Position{e.Position}
	}
	for at, other := range w.exceptions {
		rest := slices.DeleteFunc(slices.Clone(other.Members), func(p alma.Position) bool { return slices.Contains(members, p) })
		if len(rest) == len(other.Members) {
			continue
		}
		delete(w.exceptions, at)
		if len(rest) > 0 {
			other.Position, other.Members = rest[0], rest
			w.exceptions[rest[0]] = other
		}
	}
}

// ReadReplay implements Store.
func (w *world) ReadReplay(ctx context.Context, r alma.Replay, after alma.Position, limit int) (alma.LogPage, error) {
	defer w.delay(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reads++; w.readFails || w.reads > mostReads {
		return alma.LogPage{}, errors.New("the database is away")
	}
	page := alma.LogPage{Next: r.Last}
	for i := range w.log {
		pos := w.log[i].Position
		status := w.stands(pos)
		if !after.Before(pos) || r.Last.Before(pos) || status == alma.StatusPending || r.Status != "" && status != r.Status {
			continue
		}
		page.Events = append(page.Events, w.log[i])
		if page.Next = pos; len(page.Events) == limit {
			break
		}
	}
	if len(page.Events) == 0 {
		page.Next = r.Last
	}
	return page, nil
}

// stands returns the status of a delivery as the store knows it; empty when it
// was not attempted.
func (w *world) stands(pos alma.Position) alma.DeliveryStatus {
	for _, e := range w.exceptions {
		if e.Position == pos || slices.Contains(e.Members, pos) {
			return e.Status
		}
	}
	if w.attempts[pos] > 0 {
		return alma.StatusSuccess
	}
	return ""
}
