package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

// readSQL reads past the ring.
func readSQL(t *rapid.T, s *Store, after int64, limit int) []alma.Event {
	var events []alma.Event
	err := s.read(context.Background(), "read", func(ctx context.Context, q *statements) (err error) {
		events, err = readEvents(context.Background(), q, after, limit)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestRingAgreesWithSQL appends by every way there is and compares what the
// ring says with what SQL says.
func TestRingAgreesWithSQL(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		s.ring.mu.Lock() // A small ring, so that it turns over.
		s.ring.events, s.ring.start, s.ring.count, s.ring.bytes, s.ring.from = make([]alma.Event, 8), 0, 0, 0, s.ring.head
		s.ring.mu.Unlock()
		start := s.ring.end()
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			events := drawEvents(rt, &serial)
			switch rapid.SampledFrom([]string{"append", "append", "host", "rollback", "memories"}).Draw(rt, "way") {
			case "append":
				_, err = s.Append(t.Context(), events)
			case "memories":
				_, err = s.ApplyMemories(t.Context(), nil, events)
			case "host":
				err = inHostTx(t.Context(), s, events, true)
			case "rollback":
				err = inHostTx(t.Context(), s, events, false)
			}
			if err != nil {
				rt.Fatal(err)
			}
			compareReads(rt, s, start)
		}
	})
}

func drawEvents(rt *rapid.T, serial *int) []alma.Event {
	events := make([]alma.Event, rapid.IntRange(0, 5).Draw(rt, "events"))
	for i := range events {
		*serial++
		id := *serial - rapid.SampledFrom([]int{0, 0, 0, 1, 5}).Draw(rt, "duplicate of")
		e := alma.Event{ID: fmt.Sprint("e", id), Type: alma.Created, MemoryID: "m", Data: json.RawMessage(`{"a":1}`)}
		if id%3 == 0 {
			e.Job, e.Envelope = &alma.Job{ID: "j", Records: 1}, json.RawMessage(`{}`)
		}
		if err := e.Prepare(fromNanos(int64(id))); err != nil {
			rt.Fatal(err)
		}
		events[i] = e
	}
	return events
}

func inHostTx(ctx context.Context, s *Store, events []alma.Event, commit bool) error {
	tx, err := s.DB().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := s.AppendTx(ctx, tx, events...); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if commit {
		return tx.Commit()
	}
	return tx.Rollback()
}

func compareReads(rt *rapid.T, s *Store, start int64) {
	after := max(0, start-3+rapid.Int64Range(0, 40).Draw(rt, "after"))
	limit := rapid.IntRange(1, 10).Draw(rt, "limit")
	page, err := s.Read(context.Background(), position(after), limit)
	if err != nil {
		rt.Fatal(err)
	}
	want := readSQL(rt, s, after, limit)
	if diff := cmp.Diff(want, page.Events); diff != "" && len(want)+len(page.Events) > 0 {
		rt.Fatalf("Read after %d, at most %d, differs from SQL:\n%s", after, limit, diff)
	}
}

func TestRingServesTheTail(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *Store) {
		for i := range 5 {
			if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
			logIDs(t, s)
		}
		st, err := s.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.RingMisses != 0 || st.RingHits != 5 || st.RingEvents != 5 {
			t.Errorf("%d hits, %d misses, %d events; want 5, 0, 5", st.RingHits, st.RingMisses, st.RingEvents)
		}
	})
}

func TestRingIsBounded(t *testing.T) {
	t.Parallel()
	r := newRing(0)
	large := alma.Event{Data: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}
	for seq := int64(1); seq <= 100; seq++ {
		large.Position = position(seq)
		r.extend(seq-1, seq, []alma.Event{large})
	}
	if r.bytes > ringBytes || r.count < 5 || r.count > 8 {
		t.Errorf("the ring holds %d events of 1 MiB, %d bytes", r.count, r.bytes)
	}
	if _, ok := r.read(50, 10); ok {
		t.Error("the ring answers for events that it dropped")
	}
	if events, ok := r.read(98, 10); !ok || len(events) != 2 {
		t.Errorf("the ring has %d of the last two events", len(events))
	}
}
