package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// maxEvents is the most that one request may append.
const maxEvents = 1000

// eventInput is an event as callers give it: what the log sets is no member.
type eventInput struct {
	ID         string          `json:"event_id,omitempty" doc:"The receiver's key for dropping repeats. Made if left out; an event whose id the log holds is accepted and ignored."`
	Type       alma.EventType  `json:"event_type" doc:"CREATED, UPDATED, DELETED, ACCESSED, CONSOLIDATED, or a type of your own in capitals."`
	MemoryID   string          `json:"memory_id" doc:"The memory or record concerned, 1 to 256 characters."`
	MemoryType alma.MemoryType `json:"memory_type,omitempty" doc:"Its kind, such as heuristic or item_loan."`
	Agent      string          `json:"agent,omitempty" doc:"Who caused it."`
	ProjectID  string          `json:"project_id,omitempty" doc:"The project; a key with a project fills in its own."`
	Timestamp  time.Time       `json:"timestamp,omitzero" doc:"When it happened; the time of the append if left out."`
	Data       json.RawMessage `json:"data,omitempty" doc:"An object; kept byte for byte as compact JSON."`
	Job        *jobInput       `json:"job,omitempty" doc:"The batch job that caused it."`
	Envelope   json.RawMessage `json:"envelope,omitempty" doc:"An object: what a source's format carries beyond these members."`
}

type jobInput struct {
	ID      string `json:"id"`
	Records int64  `json:"records"`
}

// acceptance is the answer to appended events, in the order of the request.
type acceptance struct {
	Accepted   int      `json:"accepted" doc:"Events that are new in the log."`
	Duplicates int      `json:"duplicates" doc:"Events whose id the log held already; they were ignored."`
	EventIDs   []string `json:"event_ids" doc:"The id of each, in the order of the request."`
}

// postEvents appends one event or an array of them and answers after the
// commit. It is the hot path: what it costs is paid by every event.
func (s *Server) postEvents(c *call) error {
	var faults faultList
	faults.merge("", c.queryFaults.Err())
	format := c.bodyFormat(&faults)
	if faults.known[paramFormat.name] { // Nobody knows how to read the body.
		return faults.err()
	}
	body, err := c.readEvents(format)
	if err != nil {
		return err
	}
	if !isArray(body) && len(body) > maxBody {
		return tooLarge(maxBody)
	}
	var events []alma.Event
	if format == nil {
		events = decodeEvents(&faults, body)
	} else {
		events = c.decodeFormat(&faults, format, body)
	}
	if err := c.ownEvents(events); err != nil {
		return err
	}
	prepareEvents(&faults, events, isArray(body))
	if err := faults.err(); err != nil {
		return err
	}
	return s.appendEvents(c, events)
}

// bodyFormat returns the wire format that the query asks for, nil for none.
func (c *call) bodyFormat(faults *faultList) wire.Format {
	name := c.query.Get(paramFormat.name)
	if name == "" {
		return nil
	}
	format, ok := wire.Lookup(alma.Format(name))
	if !ok {
		faults.addf(paramFormat.name, "this server does not take that format; want %s", strings.Join(knownFormats(), ", "))
	}
	return format
}

func knownFormats() []string {
	var known []string
	for _, f := range wire.Formats() {
		known = append(known, string(f.Name()))
	}
	return known
}

func decodeEvents(faults *faultList, body []byte) []alma.Event {
	body = space(body)
	switch body[0] {
	case '{':
		return []alma.Event{decodeEvent(faults, "", body)}
	case '[':
	default:
		faults.addf("", "is %s; want an event, or an array of events", kindOf(body))
		return nil
	}
	events := []alma.Event{}
	for raw := range elements(body) {
		if len(events) == maxEvents {
			faults.addf("", "the array is too long; at most %d events are taken in one request", maxEvents)
			break
		}
		events = append(events, decodeEvent(faults, element(len(events)), raw))
	}
	if len(events) == 0 {
		faults.addf("", "the array is empty; want at least one event")
	}
	return events
}

func decodeEvent(faults *faultList, prefix string, raw []byte) alma.Event {
	var in eventInput
	decodeObject(faults, prefix, raw, reflect.ValueOf(&in).Elem())
	return alma.Event{
		ID: in.ID, Type: in.Type, MemoryID: in.MemoryID, MemoryType: in.MemoryType, Agent: in.Agent,
		ProjectID: in.ProjectID, Timestamp: in.Timestamp, Data: in.Data, Job: (*alma.Job)(in.Job), Envelope: in.Envelope,
	}
}

func element(i int) string { return "[" + strconv.Itoa(i) + "]" }

// ownEvents puts events of no project into that of the key, and refuses those
// of another.
func (c *call) ownEvents(events []alma.Event) error {
	for i := range events {
		project, err := c.project(events[i].ProjectID)
		if err != nil {
			return err
		}
		events[i].ProjectID = project
	}
	return nil
}

// prepareEvents notes every fault of every event. An element that is no object
// at all has told so already.
func prepareEvents(faults *faultList, events []alma.Event, array bool) {
	if len(events) > maxEvents {
		faults.addf("", "the array is too long; at most %d events are taken in one request", maxEvents)
	}
	now := time.Now()
	for i := range events {
		place := ""
		if array {
			place = element(i)
		}
		if faults.known[place] {
			continue
		}
		var reserved alma.Faults
		alma.CheckReserved(&reserved, "event_type", events[i].Type)
		faults.merge(place, reserved.Err())
		faults.merge(place, events[i].Prepare(now))
	}
}

// appendEvents stores prepared events. Manager.Append would prepare them once
// more.
func (s *Server) appendEvents(c *call, events []alma.Event) error {
	appended, err := s.manager.Publish(c.r.Context(), events, func(ctx context.Context) ([]alma.Appended, error) {
		return s.store.Append(ctx, events)
	})
	if err != nil {
		return fmt.Errorf("alma: append events: %w", err)
	}
	out := acceptance{EventIDs: make([]string, len(appended))}
	for i, a := range appended {
		out.EventIDs[i] = a.ID
		if a.Duplicate {
			out.Duplicates++
		}
	}
	out.Accepted = len(appended) - out.Duplicates
	return c.reply(http.StatusAccepted, out)
}
