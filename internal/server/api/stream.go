package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

const (
	streamPage = 256 // events read at once
	// streamWrite is how long a client may take to read what it is sent.
	streamWrite = 30 * time.Second
	// headerLastID names the message behind which a stream goes on: in the
	// request as the client has seen it, in the answer as the stream begins.
	headerLastID = "Last-Event-ID"
)

// stream is a client that follows the log by server-sent events. The id of
// each is the event's position, so that a client which comes back with
// Last-Event-ID goes on exactly behind it, whatever was filtered out since.
type stream struct {
	c      *call
	log    alma.EventLog
	out    *http.ResponseController
	wanted alma.EventQuery // Only what can be told of one event.
	at     alma.Position
}

// streamEvents answers until the client leaves, the server is closed, the log
// fails, or the key is removed; then the client comes back by itself.
func (s *Server) streamEvents(c *call) error {
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	st, err := s.newStream(ctx, c)
	if err != nil {
		return err
	}
	changed := s.store.Watch(ctx) // Before the first read: nothing falls between.
	if err := st.begin(); err != nil {
		return nil // The client is gone.
	}
	heartbeat := time.NewTicker(s.heartbeat)
	defer heartbeat.Stop()
	for {
		if err := st.catchUp(ctx); err != nil {
			s.logger.DebugContext(ctx, "event stream ended", "error", err)
			return nil
		}
		select {
		case <-changed:
		case <-heartbeat.C:
			if s.revoked(c) || st.send(st.place(": still here\n")) != nil {
				return nil
			}
		case <-ctx.Done():
			return nil
		case <-s.closed:
			return nil
		}
	}
}

// revoked reports whether the key of a stream was removed since it began.
func (s *Server) revoked(c *call) bool {
	hash, err := s.credential(c)
	if err == nil {
		_, err = s.findKey(c, hash)
	}
	if err == nil {
		_ = s.use(c) // What is followed all the time is used; a limit does not end it.
	}
	p := problemOf(err)
	return isNotFound(err) || p != nil && p.Status == http.StatusUnauthorized
}

func (s *Server) newStream(ctx context.Context, c *call) (*stream, error) {
	faults := c.queryFaults
	st := &stream{c: c, log: s.store, out: http.NewResponseController(c.w)}
	st.wanted = alma.EventQuery{
		Type: c.eventType(&faults), MemoryType: alma.MemoryType(c.query.Get(paramMemoryType.name)),
		MemoryID: c.query.Get(paramMemoryID.name), Agent: c.query.Get(paramAgent.name), ProjectID: c.queryProject(),
	}
	end, err := s.store.Horizon(ctx)
	if err != nil {
		return nil, fmt.Errorf("alma: stream events: %w", err)
	}
	st.at = c.streamFrom(&faults, end)
	return st, faults.Err()
}

// streamFrom returns where a stream begins: behind the id that the client saw
// last, else at the end of the log. An id beyond that end is of another log, or
// of a time before a backup was restored: waiting until the log is as long
// would lose, in silence, what it grows by.
func (c *call) streamFrom(faults *alma.Faults, end alma.Position) alma.Position {
	from, where := c.r.Header.Get(headerLastID), headerLastID
	if from == "" {
		from, where = c.query.Get(paramFrom.name), paramFrom.name
	}
	if from == "" {
		return end
	}
	at, err := alma.ParsePosition(from)
	switch {
	case err != nil:
		faults.Addf(where, "want an id that this stream has sent, or 0 for the beginning of the log")
	case end.Before(at):
		faults.Addf(where, "lies beyond the end of the log; want an id that this stream has sent, or 0 for the beginning of the log")
	}
	return at
}

// begin sends the headers at once, and the place: a client learns that it is
// connected, and from where on, before the first event.
func (st *stream) begin() error {
	st.c.w.Header().Set("Content-Type", "text/event-stream")
	st.c.w.Header().Set("X-Accel-Buffering", "no") // Proxies may hold streams back otherwise.
	st.c.w.Header().Set(headerLastID, st.at.String())
	st.c.w.WriteHeader(http.StatusOK)
	return st.send(st.place(""))
}

// place is a message without data: a client that knows server-sent events keeps
// its id as the last one and shows nothing. So a connection that breaks before
// the first event, or long after the last one that the filter let through, goes
// on from there.
func (st *stream) place(comment string) []byte {
	return []byte(comment + "id: " + st.at.String() + "\n\n")
}

// catchUp sends what the log holds beyond the stream's place.
func (st *stream) catchUp(ctx context.Context) error {
	for {
		page, err := st.log.Read(ctx, st.at, streamPage)
		if err != nil {
			return fmt.Errorf("alma: stream events: %w", err)
		}
		var b bytes.Buffer
		for i := range page.Events {
			if st.wants(&page.Events[i]) {
				writeEvent(&b, &page.Events[i])
			}
		}
		if b.Len() > 0 {
			if err := st.send(b.Bytes()); err != nil {
				return err
			}
		}
		st.at = page.Next
		if len(page.Events) == 0 {
			return nil
		}
	}
}

func (st *stream) wants(ev *alma.Event) bool {
	q := &st.wanted
	return (q.Type == "" || q.Type == ev.Type) && (q.MemoryType == "" || q.MemoryType == ev.MemoryType) &&
		(q.MemoryID == "" || q.MemoryID == ev.MemoryID) && (q.Agent == "" || q.Agent == ev.Agent) &&
		(q.ProjectID == "" || q.ProjectID == ev.ProjectID)
}

// writeEvent writes one message. JSON on one line needs no further care; the
// encoder ends it with the newline of the field.
func writeEvent(b *bytes.Buffer, ev *alma.Event) {
	b.WriteString("id: " + ev.Position.String() + "\ndata: ")
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(ev) //nolint:errchkjson // An event of the log marshals.
	b.WriteByte('\n')
}

// send writes and flushes. A recorder of a test knows no deadlines.
func (st *stream) send(b []byte) error {
	_ = st.out.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := st.c.w.Write(b); err != nil {
		return fmt.Errorf("alma: stream events: %w", err)
	}
	if err := st.out.Flush(); err != nil {
		return fmt.Errorf("alma: stream events: %w", err)
	}
	return nil
}
