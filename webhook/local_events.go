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
	ids   map[string]appending // Nil until somebody reads the log.
	spans []placeSpan          // In the order of the log.
}

// appending is what calls that append one id just now have come to.
type appending struct {
	calls int
	met   *alma.Event // In the log, while nobody knew yet whose it is.
	own   bool        // One of the calls has appended it.
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
	l.ids, l.spans = map[string]appending{}, nil
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
		a := l.ids[events[i].ID]
		a.calls++
		l.ids[events[i].ID] = a
	}
}

// committed notes where events stand that add was told of. Without an answer,
// and where it says duplicate, they were not appended by that call, as far as it
// knows. It returns the events that were met meanwhile and turn out to be
// nobody's here: they are still to be called back for.
func (l *localEvents) committed(events []alma.Event, appended []alma.Appended) (foreign []*alma.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		a, ok := l.ids[events[i].ID]
		if !ok {
			continue
		}
		a.calls--
		if i < len(appended) && !appended[i].Duplicate {
			a.own = true
			if a.met == nil {
				l.place(appended[i].Position)
			}
		}
		if a.calls > 0 {
			l.ids[events[i].ID] = a
			continue
		}
		delete(l.ids, events[i].ID)
		if a.met != nil && !a.own {
			foreign = append(foreign, a.met)
		}
	}
	return foreign
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

// met reports whether an event of the log is a local one, or may be, which
// committed finds out; it forgets what stands before: the log is read in order.
func (l *localEvents) met(ev *alma.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(alma.Position{Xact: ev.Position.Xact, Seq: ev.Position.Seq - 1})
	if len(l.spans) > 0 && !ev.Position.Before(l.spans[0].begins()) {
		return true // First of all: calls may be appending it once more.
	}
	a, ok := l.ids[ev.ID]
	if !ok || a.own {
		return false
	}
	own := *ev // Not the whole page.
	a.met = &own
	l.ids[ev.ID] = a
	return true
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
