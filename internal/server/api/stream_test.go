package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

// message is one server-sent event, or a comment.
type message struct {
	id, data, comment string
}

// follower reads a stream.
type follower struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Reader
	stop context.CancelFunc
}

func (r *rig) follow(t *testing.T, key, query, lastID string) *follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/events/stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := r.client.Do(req) // Returns with the headers: they come before any event.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream answered %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &follower{t, resp, bufio.NewReader(resp.Body), stop}
}

// next returns the next message; nil at the end of the stream.
func (f *follower) next() *message {
	f.t.Helper()
	m := &message{}
	for {
		line, err := f.in.ReadString('\n')
		if err != nil {
			return nil
		}
		line = strings.TrimSuffix(line, "\n")
		switch field, value, _ := strings.Cut(line, ": "); field {
		case "id":
			if m.data != "" {
				f.t.Error("the id comes after the data")
			}
			m.id = value
		case "data":
			m.data = value
		case "":
			if strings.HasPrefix(line, ":") {
				m.comment = value
				continue
			}
			return m
		default:
			f.t.Errorf("unexpected line %q", line)
		}
	}
}

// events returns the next n events.
func (f *follower) events(n int) (ids []string, last string) {
	f.t.Helper()
	for len(ids) < n {
		m := f.next()
		if m == nil {
			f.t.Fatalf("the stream ended after %v", ids)
		}
		if m.data == "" {
			continue
		}
		var ev alma.Event
		if err := json.Unmarshal([]byte(m.data), &ev); err != nil {
			f.t.Fatal(err)
		}
		ids, last = append(ids, ev.MemoryID), m.id
	}
	return ids, last
}

func TestStreamFollowsTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/events", event("before", "")).want(http.StatusAccepted)
	f := r.follow(t, r.admin, "", "")
	for i := range 3 {
		r.post("/v1/events", event(fmt.Sprint("m", i), "")).want(http.StatusAccepted)
	}
	if got, _ := f.events(3); !slices.Equal(got, []string{"m0", "m1", "m2"}) {
		t.Errorf("streamed %v", got)
	}
	whole := r.follow(t, r.admin, "?after=0", "")
	if got, _ := whole.events(4); !slices.Equal(got, []string{"before", "m0", "m1", "m2"}) {
		t.Errorf("from the beginning streamed %v", got)
	}
}

// A client that loses its connection again and again, while events arrive,
// gets each of them exactly once.
func TestStreamResumesWithoutGap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const all = 600 // More than one page of the log.
	f := r.follow(t, r.admin, "?agent=qa", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range all / 10 {
			batch := []any{}
			for k := range 10 {
				batch = append(batch, event(fmt.Sprint(i*10+k), ""))
			}
			other := event("other", "")
			other["agent"] = "filtered out"
			r.post("/v1/events", append(batch, other))
		}
	}()
	var got []string
	for n := 1; len(got) < all; n = n*7%41 + 1 {
		ids, last := f.events(min(n, all-len(got)))
		got = append(got, ids...)
		f.stop()
		f = r.follow(t, r.admin, "?agent=qa", last)
	}
	<-done
	for i, id := range got {
		if id != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, id)
		}
	}
}

func TestStreamFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.follow(t, r.key(alma.RoleRead, "mine"), "", "")
	deleted := r.follow(t, r.admin, "?event_type=DELETED&memory_type=outcome&memory_id=last&project_id=mine", "")
	r.post("/v1/events", event("a", "theirs")).want(http.StatusAccepted)
	r.post("/v1/events", event("b", "mine")).want(http.StatusAccepted)
	last := event("last", "mine")
	last["event_type"], last["memory_type"] = "DELETED", "outcome"
	r.post("/v1/events", last).want(http.StatusAccepted)
	if got, _ := mine.events(2); !slices.Equal(got, []string{"b", "last"}) {
		t.Errorf("a key of a project sees %v", got)
	}
	if got, _ := deleted.events(1); !slices.Equal(got, []string{"last"}) {
		t.Errorf("filtered %v", got)
	}
}

func TestStreamShowsThatItIsAlive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := r.follow(t, r.admin, "", "")
	if m := f.next(); m == nil || m.comment != "" || m.data != "" || m.id != f.resp.Header.Get("Last-Event-ID") {
		t.Errorf("got %+v, want the place where it begins", m)
	}
	if m := f.next(); m == nil || m.comment == "" || m.data != "" || m.id == "" {
		t.Errorf("got %+v, want a comment and the place", m)
	}
}

// A client that keeps the last id, as browsers do, misses nothing when its
// connection breaks before the first event that its filter lets through.
func TestStreamCanBeResumedBeforeItsFirstEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/events", event("before", "")).want(http.StatusAccepted)
	f := r.follow(t, r.admin, "?agent=qa", "")
	begun := f.next()
	other := event("other", "")
	other["agent"] = "filtered out"
	r.post("/v1/events", other).want(http.StatusAccepted)
	later := begun
	for later != nil && later.id == begun.id {
		later = f.next()
	}
	f.stop()
	r.post("/v1/events", event("meanwhile", "")).want(http.StatusAccepted)
	for _, m := range []*message{begun, later} {
		if m == nil || m.data != "" || m.id == "" {
			t.Fatalf("got %+v, want a place", m)
		}
		f = r.follow(t, r.admin, "?agent=qa", m.id)
		if got, _ := f.events(1); !slices.Equal(got, []string{"meanwhile"}) {
			t.Errorf("after %s streamed %v", m.id, got)
		}
		f.stop()
	}
}

func TestStreamEndsAtClose(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := r.follow(t, r.admin, "", "")
	r.api.Close()
	for m := f.next(); m != nil; m = f.next() {
		if m.data != "" {
			t.Errorf("got %+v", m)
		}
	}
	r.do("", http.MethodGet, "/readyz", nil).want(http.StatusServiceUnavailable)
	r.do("", http.MethodGet, "/healthz", nil).want(http.StatusOK)
}

func TestStreamRefusesForeignIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do(r.admin, http.MethodGet, "/v1/events/stream", nil, "Last-Event-ID", "evt_1").want(http.StatusUnprocessableEntity)
	if got := a.locations(); !slices.Equal(got, []string{"Last-Event-ID"}) {
		t.Errorf("faults at %q", got)
	}
	r.get("/v1/events/stream?after=!").want(http.StatusUnprocessableEntity)
}

// An id beyond the end is of another log: to wait for it would lose events.
func TestStreamRefusesIDsBeyondTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/events", event("m", "")).want(http.StatusAccepted)
	f := r.follow(t, r.admin, "?after=0", "")
	_, last := f.events(1)
	r.follow(t, r.admin, "", last)
	a := r.do(r.admin, http.MethodGet, "/v1/events/stream", nil, "Last-Event-ID", last+"0").want(http.StatusUnprocessableEntity)
	if got := a.locations(); !slices.Equal(got, []string{"Last-Event-ID"}) {
		t.Errorf("faults at %q", got)
	}
}

// A client whose connection breaks before the first event can go on as well.
func TestStreamSaysWhereItBegins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/events", event("before", "")).want(http.StatusAccepted)
	f := r.follow(t, r.admin, "", "")
	f.stop()
	r.post("/v1/events", event("meanwhile", "")).want(http.StatusAccepted)
	f = r.follow(t, r.admin, "", f.resp.Header.Get("Last-Event-ID"))
	if got, _ := f.events(1); !slices.Equal(got, []string{"meanwhile"}) {
		t.Errorf("streamed %v", got)
	}
}

func TestStreamEndsWhenItsKeyIsRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made := r.post("/v1/keys", map[string]any{"name": "n", "role": "read"}).want(http.StatusCreated)
	f := r.follow(t, made.text("key"), "", "")
	r.do(r.admin, http.MethodDelete, "/v1/keys/"+made.text("id"), nil).want(http.StatusNoContent)
	for m := f.next(); m != nil; m = f.next() {
		if m.data != "" {
			t.Errorf("got %+v", m)
		}
	}
}
