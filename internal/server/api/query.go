package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// param is a query parameter that an operation takes.
type param struct {
	name, kind, doc string // kind is a JSON type, or date-time.
}

var (
	paramLimit      = param{"limit", "integer", "Items of a page: 1 to 200, 50 if left out."}
	paramAfter      = param{"after", "string", "The value of next in the answer before."}
	paramEventType  = param{"event_type", "string", "Events of this type only."}
	paramMemoryType = param{"memory_type", "string", "Those of this kind of memory or record only."}
	paramMemoryID   = param{"memory_id", "string", "Events of this memory or record only."}
	paramAgent      = param{"agent", "string", "Those of this agent only."}
	paramProject    = param{"project_id", "string", "Those of this project only. A key with a project may name no other."}
	paramSince      = param{"since", "date-time", "Appended at or after this time."}
	paramUntil      = param{"until", "date-time", "Appended before this time."}
	paramWebhookID  = param{"webhook_id", "string", "Deliveries to this webhook only."}
	paramEventID    = param{"event_id", "string", "Deliveries of this event only."}
	paramStatus     = param{"status", "string", "Deliveries of this status only: PENDING, SUCCESS, FAILED or SUPPRESSED."}
	paramReason     = param{"reason", "string", "Failed deliveries of this reason only: that of the last attempt. Takes status=FAILED, where there is a status."}
	paramReplayed   = param{"webhook_id", "string", "Replays of this webhook only."}
	paramState      = param{"state", "string", "Replays in this state only: running, paused, done, canceled or failed."}
	paramFormat     = param{"format", "string", "The wire format of the body. Left out: the JSON of events described here, unknown members refused."}
	paramRange      = param{"range", "string", "The time up to now that the series covers: 15m (the default), 24h or 7d."}
	paramStatsSince = param{"since", "date-time", "Where the series begins, instead of range; at most 8 days ago."}
	paramStatsUntil = param{"until", "date-time", "Where the series ends; now if left out."}
	paramStep       = param{"step", "integer", "Seconds from point to point, a multiple of 60; so that there are about 100 points if left out."}
	paramFrom       = param{"after", "string", "Begin after this id of a stream; 0 is the beginning of the log. Last-Event-ID has precedence. Left out: with the next event."}
)

// readQuery checks the query against what the operation takes: a misspelt
// filter must not become a listing of everything. Before that, a foreign
// project is refused. What it finds, the handler of an operation with parameters
// tells together with what it finds itself, in [call.queryFaults].
func (c *call) readQuery() error {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return fault("", "the query cannot be parsed: want name=value&…, percent-encoded")
	}
	if err := c.mayNameProject(query.Get(paramProject.name)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !c.checkParam(name, query[name]) {
			delete(query, name) // One fault is enough.
		}
	}
	c.query = query
	if len(c.op.params) == 0 {
		return c.queryFaults.Err()
	}
	return nil
}

// checkParam reports whether a parameter is known, given once, and text.
func (c *call) checkParam(name string, values []string) bool {
	switch {
	case !slices.ContainsFunc(c.op.params, func(p param) bool { return p.name == name }):
		c.queryFaults.Addf(strings.ToValidUTF8(name, "\uFFFD"), "unknown query parameter; this call takes %s", c.op.paramNames())
	case len(values) > 1:
		c.queryFaults.Addf(name, "given %d times; want it once", len(values))
	case !utf8.ValidString(values[0]):
		c.queryFaults.Addf(name, "want UTF-8 text")
	default:
		return true
	}
	return false
}

// refuseList returns the faults of a listing's parameters, if there are any. That
// after is no cursor only the listing itself can tell: it is asked then, too.
func (c *call) refuseList(faults *alma.Faults, list func(alma.Cursor) error) error {
	if faults.Err() == nil {
		return nil
	}
	if after := c.query.Get(paramAfter.name); after != "" {
		if p := problemOf(list(alma.Cursor{Limit: 1, After: after})); p != nil && p.Status == http.StatusUnprocessableEntity {
			faults.Merge("", &alma.ValidationError{Faults: p.Errors})
		}
	}
	return faults.Err()
}

func (o *operation) paramNames() string {
	names := make([]string, len(o.params))
	for i, p := range o.params {
		names[i] = p.name
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// cursor reads limit and after.
func (c *call) cursor(faults *alma.Faults) alma.Cursor {
	cursor := alma.Cursor{Limit: alma.DefaultPageSize, After: c.query.Get(paramAfter.name)}
	if c.query.Has(paramLimit.name) {
		n, err := strconv.Atoi(c.query.Get(paramLimit.name))
		if err != nil || n < 1 || n > alma.MaxPageSize {
			faults.Addf(paramLimit.name, "want a number from 1 to %d", alma.MaxPageSize)
		}
		cursor.Limit = n
	}
	return cursor
}

// time reads a point in time; zero when it is absent.
func (c *call) time(faults *alma.Faults, p param) time.Time {
	text := c.query.Get(p.name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		faults.Addf(p.name, "want a time such as 2026-01-28T12:00:00Z (RFC 3339); a + is written %%2B")
	}
	return t.UTC()
}

// eventType reads the filter of that name.
func (c *call) eventType(faults *alma.Faults) alma.EventType {
	t := alma.EventType(c.query.Get(paramEventType.name))
	if t != "" {
		alma.CheckEventType(faults, paramEventType.name, t)
	}
	return t
}

// reason reads the filter of that name.
func (c *call) reason(faults *alma.Faults) alma.Reason {
	r := alma.Reason(c.query.Get(paramReason.name))
	alma.CheckReason(faults, paramReason.name, r)
	return r
}
