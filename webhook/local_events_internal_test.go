package webhook

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

// Calls append events, alone or side by side, hear of it early or late, while a
// reader goes through the log: it must know each event that a call of this
// process has appended, and no other.
func TestLocalEventsAreToldApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type call struct {
			events   []alma.Event
			appended []alma.Appended
		}
		var (
			l     localEvents
			log   []alma.Event
			local = map[string]bool{}
			open  []call
			read  int
		)
		l.start()
		xact, seq := uint64(1), int64(0)
		store := func(ev *alma.Event) alma.Position {
			seq++
			ev.Position = alma.Position{Xact: xact, Seq: seq}
			log = append(log, *ev)
			return ev.Position
		}
		fresh := func(kind string) alma.Event { return alma.Event{ID: fmt.Sprintf("%s-%d", kind, len(log))} }
		t.Repeat(map[string]func(*rapid.T){
			"begin a transaction": func(*rapid.T) { xact, seq = xact+1, 0 },
			"append": func(t *rapid.T) {
				c := call{}
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					ev := fresh("local")
					ev.ID += fmt.Sprintf("-%d", len(c.events))
					c.events = append(c.events, ev)
				}
				l.add(c.events)
				for i := range c.events {
					duplicate := len(log) > 0 && rapid.IntRange(0, 9).Draw(t, "duplicate") == 0
					if !duplicate {
						local[c.events[i].ID] = true
						store(&c.events[i])
					}
					c.appended = append(c.appended, alma.Appended{ID: c.events[i].ID, Position: c.events[i].Position, Duplicate: duplicate})
				}
				open = append(open, c)
			},
			"fail": func(*rapid.T) {
				ev := []alma.Event{fresh("failed")}
				l.add(ev)
				l.committed(ev, nil)
			},
			"others append": func(*rapid.T) { ev := fresh("foreign"); store(&ev) },
			"hear": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("no call is open")
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "call")
				l.committed(open[i].events, open[i].appended)
				open = append(open[:i], open[i+1:]...)
			},
			"read": func(t *rapid.T) {
				if read == len(log) {
					t.Skip("all is read")
				}
				ev := &log[read]
				read++
				if got := l.met(ev); got != local[ev.ID] {
					t.Fatalf("%s at %s is met as local: %v", ev.ID, ev.Position, got)
				}
			},
			"": func(t *rapid.T) {
				if read == len(log) && len(open) == 0 {
					l.forget(alma.Position{Xact: xact, Seq: seq})
					if len(l.ids) > 0 || len(l.spans) > 0 {
						t.Fatalf("all is read, and %v and %v are still remembered", l.ids, l.spans)
					}
				}
			},
		})
	})
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
