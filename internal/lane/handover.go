package lane

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// This file holds what happens to a lane whose webhook goes to another node, or
// comes from one.

// WebhookID names the webhook.
func (l *Lane) WebhookID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings.WebhookID
}

// Join makes the node's watermark the lane's shared place. The tail must not
// offer events meanwhile.
func (l *Lane) Join() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apart = false
}

// Drain makes the lane start nothing any more; attempts under way go on.
func (l *Lane) Drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
}

// Resting reports whether nothing is under way.
func (l *Lane) Resting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight == 0
}

// Leave closes the lane and returns the position beyond which its shared place
// must not move any more, if there is one: what lies there is not done, and is
// for the next owner.
func (l *Lane) Leave() (low alma.Position, holds bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	low, busy := l.low()
	holds = l.cursor != own && busy && !l.apart
	l.close()
	return low, holds
}

// Abandon closes the lane and forgets what its attempts under way come to: the
// webhook is another node's.
func (l *Lane) Abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = true
	l.close()
}

// record hands an outcome to the settling stage.
func (l *Lane) record(r flow.Record) {
	if !l.silent {
		l.node.Record(r)
	}
}

// Disabling reports whether the lane has ended its webhook's active state, and
// the store does not know yet.
func (l *Lane) Disabling() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.disabling
}

// Refresh takes up what another node stored about waiting deliveries: retries
// that a person asked for, and those that became due sooner. stored are all
// pending exceptions of the webhook.
func (l *Lane) Refresh(stored []alma.Exception) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	pending := map[alma.Position]bool{}
	for i := range stored {
		e := &stored[i]
		pending[e.Position] = true
		switch w := l.waiting.find(e.Position); {
		case w != nil:
			if e.Attempts == w.Attempts && e.NextAttemptAt.Add(stampPrecision).Before(w.Due) {
				l.waiting.remove(e.Position)
				l.hurry(w)
			}
		case l.isNewManual(e):
			l.hurry(FromException(e, time.Now()))
		}
	}
	for pos := range l.manual {
		if !pending[pos] {
			delete(l.manual, pos)
		}
	}
}

// stampPrecision is what a store may cut off a time.
const stampPrecision = time.Millisecond

// noteManual remembers a retry that a person asked for when it begins: until its
// outcome is durable the store still shows it as waiting.
func (l *Lane) noteManual(w *Waiting) {
	if !w.Manual {
		return
	}
	if l.manual == nil {
		l.manual = map[alma.Position]int{}
	}
	l.manual[w.Position] = w.Attempts
}

func (l *Lane) isNewManual(e *alma.Exception) bool {
	begun, known := l.manual[e.Position]
	return e.Manual && (!known || begun < e.Attempts)
}
