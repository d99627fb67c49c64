package webhook

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/lane"
)

// handovers is what the watermark must heed while slots come and go.
type handovers struct {
	silent bool // There is no session to speak for.
	// ceiling is where the watermark stops while slots are handed on: what lies
	// beyond is not offered to their webhooks any more. nil: none.
	ceiling *alma.Position
	// joining are slots that the tail feeds and the watermark does not speak
	// for yet, and the places that they were taken at.
	joining map[alma.Slot]alma.Position
}

// joinEvery is how often slots that wait to join are looked at while nothing
// else happens.
const joinEvery = 500 * time.Millisecond

// await makes slots follow the watermark as soon as it may speak for them.
func (k *marks) await(slots map[alma.Slot]alma.Position) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.joining == nil {
		k.joining = map[alma.Slot]alma.Position{}
	}
	for slot, place := range slots {
		k.joining[slot] = place
	}
}

// join returns the slots that follow the watermark from now on. low is what no
// lane has anything open before: when that lies before the watermark, some lane
// that came with a slot is not yet as far, and all wait.
func (k *marks) join(low alma.Position) []alma.Slot {
	if low.Before(k.issued) {
		return nil
	}
	var joined []alma.Slot
	for slot, place := range k.joining {
		if !k.issued.Before(place) {
			joined = append(joined, slot)
			delete(k.joining, slot)
		}
	}
	return joined
}

// freeze stops the watermark at a position, for the sake of slots that are
// handed on.
func (k *marks) freeze(at alma.Position, slots []alma.Slot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ceiling = &at
	for _, slot := range slots {
		delete(k.joining, slot)
	}
}

// depart closes the lanes of slots that are handed on, and keeps the watermark
// before everything that they leave open.
func (k *marks) depart(lanes []*lane.Lane) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range lanes {
		low, holds := l.Leave()
		if holds && k.ceiling != nil && low.Before(*k.ceiling) {
			k.ceiling = &low
		}
		delete(k.active, l)
	}
}

// thaw lets the watermark go on.
func (k *marks) thaw() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ceiling = nil
}

// silence ends the watermark of a session, and speak begins the next one's.
func (k *marks) silence() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.active)
	k.handovers = handovers{silent: true}
}

func (k *marks) speak() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.silent = false
	k.issued, k.sent = *k.tail.Load(), alma.Position{}
}
