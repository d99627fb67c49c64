package webhook

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

// opened is a call that appends events.
type opened struct {
	events   []alma.Event
	appended []alma.Appended
	stored   bool
}

// localWorld is a log that calls of this process, and others, append to.
type localWorld struct {
	local  localEvents
	log    []alma.Event
	known  map[string]bool // Ids of the log.
	open   []*opened
	read   int
	called map[string]int // How often callbacks ran for an event.
	xact   uint64
	seq    int64
	ids    int
}

func (w *localWorld) id(t *rapid.T) string {
	if rapid.IntRange(0, 2).Draw(t, "shared id") > 0 {
		return fmt.Sprint("shared-", rapid.IntRange(0, 3).Draw(t, "id"))
	}
	w.ids++
	return fmt.Sprint("own-", w.ids)
}

// append stores an event unless its id is known.
func (w *localWorld) append(ev *alma.Event) (duplicate bool) {
	if w.known[ev.ID] {
		return true
	}
	w.seq++
	ev.Position = alma.Position{Xact: w.xact, Seq: w.seq}
	w.known[ev.ID] = true
	w.log = append(w.log, *ev)
	return false
}

func (w *localWorld) some(t *rapid.T, stored bool) *opened {
	var list []*opened
	for _, c := range w.open {
		if c.stored == stored {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		t.Skip("no such call")
	}
	return rapid.SampledFrom(list).Draw(t, "call")
}

// hear ends a call as Manager.Publish does.
func (w *localWorld) hear(c *opened, appended []alma.Appended) {
	w.open = slices.DeleteFunc(w.open, func(o *opened) bool { return o == c })
	for _, ev := range w.local.committed(c.events, appended) {
		w.called[ev.ID]++
	}
	for i, a := range appended {
		if !a.Duplicate {
			w.called[c.events[i].ID]++
		}
	}
}

// Calls append events, alone or side by side, some under ids that others use too,
// and hear of it early, late or never, while a reader goes through the log: there
// is exactly one callback for each event that the log holds.
func TestLocalEventsAreToldApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &localWorld{known: map[string]bool{}, called: map[string]int{}, xact: 1}
		w.local.start()
		t.Repeat(map[string]func(*rapid.T){
			"begin a transaction": func(*rapid.T) { w.xact, w.seq = w.xact+1, 0 },
			"begin": func(t *rapid.T) {
				c := &opened{}
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					c.events = append(c.events, alma.Event{ID: w.id(t)})
				}
				w.local.add(c.events)
				w.open = append(w.open, c)
			},
			"store": func(t *rapid.T) {
				c := w.some(t, false)
				for i := range c.events {
					duplicate := w.append(&c.events[i])
					c.appended = append(c.appended, alma.Appended{ID: c.events[i].ID, Position: c.events[i].Position, Duplicate: duplicate})
				}
				c.stored = true
			},
			"fail":            func(t *rapid.T) { w.hear(w.some(t, false), nil) },
			"hear":            func(t *rapid.T) { c := w.some(t, true); w.hear(c, c.appended) },
			"lose the answer": func(t *rapid.T) { w.hear(w.some(t, true), nil) },
			"others append":   func(t *rapid.T) { w.append(&alma.Event{ID: w.id(t)}) },
			"read": func(t *rapid.T) {
				if w.read == len(w.log) {
					t.Skip("all is read")
				}
				ev := &w.log[w.read]
				w.read++
				if !w.local.met(ev) {
					w.called[ev.ID]++
				}
			},
			"": func(t *rapid.T) {
				if w.read < len(w.log) || len(w.open) > 0 {
					return
				}
				for _, ev := range w.log {
					if n := w.called[ev.ID]; n != 1 {
						t.Fatalf("%s was called back for %d times", ev.ID, n)
					}
				}
				w.local.forget(alma.Position{Xact: w.xact, Seq: w.seq})
				if len(w.local.ids) > 0 || len(w.local.spans) > 0 {
					t.Fatalf("all is read, and %v and %v are still remembered", w.local.ids, w.local.spans)
				}
			},
		})
	})
}

// A program appends an event, and once more at once: the reader may meet it just
// while the second call, which will hear that it is a duplicate, is on its way.
func TestLocalEventsAreKnownWhileTheyAreAppendedAgain(t *testing.T) {
	t.Parallel()
	var l localEvents
	l.start()
	ev := alma.Event{ID: "evt-1", Position: alma.Position{Xact: 1, Seq: 1}}
	l.add([]alma.Event{ev})
	l.committed([]alma.Event{ev}, []alma.Appended{{ID: ev.ID, Position: ev.Position}})
	l.add([]alma.Event{ev})
	if !l.met(&ev) {
		t.Error("the reader takes an event for another's that this process has appended")
	}
	again := l.committed([]alma.Event{ev}, []alma.Appended{{ID: ev.ID, Position: ev.Position, Duplicate: true}})
	if len(again) > 0 {
		t.Errorf("%v is to be called back for a second time", again)
	}
}

// A reader that stands still, behind a transaction that stays open for an hour,
// must not cost memory for each event that is appended meanwhile.
func TestLocalEventsTakeLittleWhileNobodyReads(t *testing.T) {
	t.Parallel()
	var l localEvents
	l.start()
	for group := range 1000 {
		for i := range 100 {
			ev := []alma.Event{{ID: fmt.Sprintf("evt-%d-%d", group, i)}}
			l.add(ev)
			l.committed(ev, []alma.Appended{{ID: ev[0].ID, Position: alma.Position{Xact: uint64(group + 1), Seq: int64(i + 1)}}})
		}
	}
	if len(l.ids) > 0 || len(l.spans) > 1000 {
		t.Errorf("%d ids and %d spans for 100,000 events of 1,000 transactions; want no ids, and a span a transaction", len(l.ids), len(l.spans))
	}
}
