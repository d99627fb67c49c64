package events_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// logSink appends to memory, calls back, and knows duplicates, as a webhook
// manager does.
type logSink struct {
	emitter *events.Emitter
	ids     map[string]bool
	fail    error
}

func (l *logSink) append(ctx context.Context, evs ...*alma.Event) error {
	for _, ev := range evs {
		if l.fail != nil {
			return l.fail
		}
		if !l.ids[ev.ID] {
			l.ids[ev.ID] = true
			l.emitter.Dispatch(ctx, ev)
		}
	}
	return nil
}

func TestEmitThroughASink(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	e.SubscribeAll(got.as("all"))
	sink := &logSink{emitter: e, ids: map[string]bool{}}
	detach, err := e.Attach(sink.append)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Attach(sink.append); !errors.Is(err, alma.ErrConflict) {
		t.Errorf("a second sink: %v, want ErrConflict", err)
	}
	emit(t, e, newEvent("e1", alma.Created), newEvent("e1", alma.Created))
	sink.fail = errors.New("disk full")
	if err := e.Emit(t.Context(), newEvent("e2", alma.Created)); !errors.Is(err, sink.fail) {
		t.Errorf("Emit says %v, want the sink's error", err)
	}
	detach()
	detach()
	emit(t, e, newEvent("e3", alma.Created))
	if diff := cmp.Diff([]string{"all:e1", "all:e3"}, got.all()); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
	if sink.ids["e3"] {
		t.Error("an event reached the sink after detach")
	}
}

func TestSinkGetsPreparedEvents(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got *alma.Event
	if _, err := e.Attach(func(_ context.Context, evs ...*alma.Event) error { got = evs[0]; return nil }); err != nil {
		t.Fatal(err)
	}
	shared := newEvent("e1", alma.Created)
	shared.Timestamp = time.Unix(1, 0).In(time.FixedZone("", 3600))
	shared.Data = []byte(`{ "a": 1 }`)
	emit(t, e, shared)
	if string(got.Data) != `{"a":1}` || got.Timestamp.Location() != time.UTC {
		t.Errorf("the sink got an unprepared event: %+v", got)
	}
	if string(shared.Data) != `{ "a": 1 }` {
		t.Error("an event that was complete, and so perhaps shared, was changed")
	}
	var invalid *alma.ValidationError
	bad := newEvent("e 1", alma.Created)
	if err := e.Emit(t.Context(), bad); !errors.As(err, &invalid) {
		t.Errorf("an invalid id: %v, want a validation error", err)
	}
}

func TestDetachLeavesALaterSinkAlone(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	sink := &logSink{emitter: e, ids: map[string]bool{}}
	detach, err := e.Attach(sink.append)
	if err != nil {
		t.Fatal(err)
	}
	detach()
	if _, err = e.Attach(sink.append); err != nil {
		t.Fatal(err)
	}
	detach()
	emit(t, e, newEvent("e1", alma.Created))
	if !sink.ids["e1"] {
		t.Error("the second sink was detached by the first one's detach")
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got []alma.Event
	e.SubscribeAll(func(_ context.Context, ev *alma.Event) error { got = append(got, *ev); return nil })
	if _, err := e.Attach(func(context.Context, ...*alma.Event) error {
		t.Error("Publish reached the sink")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(5, 0).UTC()
	commit := func(context.Context) ([]alma.Appended, error) {
		if len(got) != 0 {
			t.Error("callbacks ran before the commit")
		}
		return []alma.Appended{{ID: "a", Position: alma.Position{Seq: 1}, AppendedAt: at}, {ID: "b", Duplicate: true}}, nil
	}
	appended, err := e.Publish(t.Context(), []alma.Event{*newEvent("a", alma.Created), *newEvent("b", alma.Created)}, commit)
	if err != nil || len(appended) != 2 {
		t.Fatalf("Publish: %v, %v", appended, err)
	}
	if len(got) != 1 || got[0].ID != "a" || got[0].Position.Seq != 1 || !got[0].AppendedAt.Equal(at) {
		t.Errorf("callbacks got %+v, want event a with its place", got)
	}
	failed := errors.New("conflict")
	_, err = e.Publish(t.Context(), []alma.Event{*newEvent("c", alma.Created)}, func(context.Context) ([]alma.Appended, error) { return nil, failed })
	if !errors.Is(err, failed) || len(got) != 1 {
		t.Errorf("a failed commit: %v, callbacks %v", err, got)
	}
}

type publisherFunc func() ([]alma.Appended, error)

func (f publisherFunc) Publish(context.Context, []alma.Event, func(context.Context) ([]alma.Appended, error)) ([]alma.Appended, error) {
	return f()
}

func TestPublishThroughAPublisher(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	calls := 0
	p := publisherFunc(func() ([]alma.Appended, error) { calls++; return nil, nil })
	detach, err := e.AttachPublisher(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.AttachPublisher(p); !errors.Is(err, alma.ErrConflict) {
		t.Errorf("a second publisher: %v, want ErrConflict", err)
	}
	commits := 0
	commit := func(context.Context) ([]alma.Appended, error) { commits++; return nil, nil }
	for range 2 {
		if _, err := e.Publish(t.Context(), nil, commit); err != nil {
			t.Fatal(err)
		}
		detach()
	}
	if calls != 1 || commits != 1 {
		t.Errorf("%d calls of the publisher and %d own commits, want 1 and 1", calls, commits)
	}
}
