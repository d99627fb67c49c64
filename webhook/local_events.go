package webhook

import (
	"slices"
	"sync"

	"github.com/alma-events/alma"
)

// localEvents remembers which events have their callbacks run by the call that
// appends them, until they are met in the log: by id while they are being
// appended, and by place from then on. Places stand close together, so however
// many wait to be met, they take few spans: one in all where there is a single
// writer, one a transaction of the log elsewhere.
type localEvents struct {
	mu    sync.Mutex
	ids   map[string]int // How many calls append the id just now; nil until somebody reads the log.
	spans []placeSpan    // In the order of the log.
}

// placeSpan is a run of places of one transaction.
type placeSpan struct {
	xact        uint64
	first, last int64
}

func (s placeSpan) begins() alma.Position { return alma.Position{Xact: s.xact, Seq: s.first} }
func (s placeSpan) ends() alma.Position   { return alma.Position{Xact: s.xact, Seq: s.last} }

func (l *localEvents) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids, l.spans = map[string]int{}, nil
}

func (l *localEvents) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids, l.spans = nil, nil
}

// add notes events that are about to be appended.
func (l *localEvents) add(events []alma.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		return
	}
	for i := range events {
		l.ids[events[i].ID]++
	}
}

// committed notes where events stand that add was told of. Without an answer,
// and where it says duplicate, they were not appended.
func (l *localEvents) committed(events []alma.Event, appended []alma.Appended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		expected := l.withdraw(events[i].ID)
		if expected && i < len(appended) && !appended[i].Duplicate {
			l.place(appended[i].Position)
		}
	}
}

// withdraw forgets one call that appends an id; false when its event was met
// already.
func (l *localEvents) withdraw(id string) bool {
	n, ok := l.ids[id]
	if n > 1 {
		l.ids[id] = n - 1
	} else {
		delete(l.ids, id)
	}
	return ok
}

// place notes an event that will be met at p. Most come in the order of the log.
func (l *localEvents) place(p alma.Position) {
	i := len(l.spans)
	for i > 0 && p.Before(l.spans[i-1].begins()) {
		i--
	}
	if i > 0 && l.spans[i-1].xact == p.Xact && l.spans[i-1].last == p.Seq-1 {
		l.spans[i-1].last = p.Seq
		return
	}
	l.spans = slices.Insert(l.spans, i, placeSpan{xact: p.Xact, first: p.Seq, last: p.Seq})
}

// met reports whether an event of the log is a local one, and forgets it with
// all that stands before it: the log is read in order.
func (l *localEvents) met(ev *alma.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.ids[ev.ID]; ok { // Its call has not heard yet.
		delete(l.ids, ev.ID)
		return true
	}
	l.drop(alma.Position{Xact: ev.Position.Xact, Seq: ev.Position.Seq - 1})
	return len(l.spans) > 0 && !ev.Position.Before(l.spans[0].begins())
}

// forget forgets what stands at a place and before.
func (l *localEvents) forget(p alma.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(p)
}

func (l *localEvents) drop(p alma.Position) {
	gone := 0
	for gone < len(l.spans) && !p.Before(l.spans[gone].ends()) {
		gone++
	}
	l.spans = slices.Delete(l.spans, 0, gone)
	if len(l.spans) == 0 {
		l.spans = nil
		return
	}
	if first := &l.spans[0]; !p.Before(first.begins()) {
		first.first = p.Seq + 1
	}
}
