package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/alma-events/alma"
)

type eventCmd struct {
	Send eventSendCmd `cmd:"" help:"Append the events of a file."`
	List eventListCmd `cmd:"" help:"List events, the newest first."`
	Tail eventTailCmd `cmd:"" help:"Print events as they come."`
}

// eventFilter selects events.
type eventFilter struct {
	Type       string `help:"Only this event type." placeholder:"TYPE"`
	MemoryType string `help:"Only this kind of memory or record." placeholder:"TYPE"`
	MemoryID   string `help:"Only this memory or record." placeholder:"ID"`
	Agent      string `help:"Only this agent."`
	Project    string `help:"Only this project."`
}

func (f *eventFilter) query() url.Values {
	return values("event_type", f.Type, "memory_type", f.MemoryType, "memory_id", f.MemoryID, "agent", f.Agent, "project_id", f.Project)
}

// period selects by the time of the append.
type period struct {
	Since pointInTime `help:"Appended at or after this time: 2026-01-28T12:00:00Z, 2026-01-28, or 24h ago as 24h." placeholder:"TIME"`
	Until pointInTime `help:"Appended before this time." placeholder:"TIME"`
}

func (p *period) add(q url.Values) url.Values {
	maps.Copy(q, values("since", string(p.Since), "until", string(p.Until)))
	return q
}

// values makes a query of those pairs whose value is not empty.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			q.Set(pair[0], pair[1])
		}
	}
	return q
}

func (l *listing) add(q url.Values) url.Values {
	q.Set("limit", strconv.Itoa(l.Limit))
	if l.After != "" {
		q.Set("after", l.After)
	}
	return q
}

type eventListCmd struct {
	eventFilter
	period
	listing
}

// Run lists events.
func (c *eventListCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	var raw json.RawMessage
	if err := conn.call(ctx, http.MethodGet, "/v1/events", c.listing.add(c.period.add(c.query())), nil, &raw); err != nil {
		return err
	}
	return printPage(io, c.listing, raw, eventHeaders, eventRow, "No events. Send one with: alma event send FILE")
}

var eventHeaders = []string{"APPENDED", "TYPE", "MEMORY", "KIND", "AGENT", "PROJECT", "EVENT"}

func eventRow(item json.RawMessage) ([]string, error) {
	var e alma.Event
	if err := json.Unmarshal(item, &e); err != nil {
		return nil, err //nolint:wrapcheck // printPage says what failed.
	}
	return []string{moment(e.AppendedAt), string(e.Type), e.MemoryID, orDash(string(e.MemoryType)), orDash(e.Agent), orDash(e.ProjectID), e.ID}, nil
}
