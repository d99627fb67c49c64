package webhook

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/wire"
)

// traced is an attempt in the eyes of the tracer. Its zero value is one that
// nobody follows.
type traced struct {
	told    alma.TraceParent // What the listener gets.
	traceID string           // For the log.
	end     func(TracedOutcome)
}

// trace tells the tracer of an attempt that is about to be made.
func (m *Manager) trace(ctx context.Context, c *compiled, job *lane.Job, events []alma.EventTrace) (context.Context, traced) {
	if len(events) == 0 {
		return ctx, traced{}
	}
	a := TracedAttempt{
		WebhookID: c.webhook.ID, DeliveryID: deliveryID(job), ReplayID: job.ReplayID(), Number: job.Number,
		Manual: job.Retry != nil && job.Retry.Manual, Events: events,
	}
	if c.posts() {
		a.Host, a.Port = address(c.webhook.Config.URL)
	}
	ctx, told, end := m.cfg.Tracer.Attempt(ctx, &a)
	t := traced{told: told, traceID: told.TraceID(), end: end}
	if t.traceID == "" {
		t.traceID = events[0].Trace.TraceID()
	}
	return ctx, t
}

// tell returns what the listener is told. untold says that it cannot be found
// again from the event, and must be stored with the attempt (see fillDetails).
func (t *traced) tell(c *compiled, format wire.Format, job *lane.Job) (told alma.TraceParent, untold bool) {
	if t.end == nil || !c.tellsTrace(format) {
		return "", false
	}
	return t.told, job.Retry == nil && job.BatchID == "" && t.told != job.Entries[0].Event.Trace
}

// finish tells the tracer how the attempt ended.
func (t *traced) finish(job *lane.Job, out *lane.Outcome) {
	if t.end == nil {
		return
	}
	ended := !out.Canceled && !out.Postponed && (out.Verdict.Outcome != wire.Retry || lastAttempt(job))
	t.end(TracedOutcome{StatusCode: out.Attempt.StatusCode, Reason: out.Attempt.Reason, Canceled: out.Canceled, Ended: ended})
}

// lastAttempt reports whether the delivery fails for good when this attempt does.
func lastAttempt(job *lane.Job) bool {
	if job.Retry != nil && job.Retry.Manual {
		return true
	}
	_, again := job.Settings.Delay(job.Number)
	return !again
}

// address returns the host and the port of a listener.
func address(rawURL string) (host string, port int) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", 0 // The attempt will say so.
	}
	if port, err = strconv.Atoi(u.Port()); err == nil {
		return u.Hostname(), port
	}
	if u.Scheme == "http" {
		return u.Hostname(), 80
	}
	return u.Hostname(), 443
}

// traces returns what attempts must know of the events that belong to a trace;
// mostly there is none.
func traces(webhookID string, entries []*flow.Entry) []alma.EventTrace {
	var list []alma.EventTrace
	for _, e := range entries {
		if ev := e.Event; ev.Trace != "" {
			list = append(list, alma.EventTrace{
				EventID: ev.ID, EventType: ev.Type, DeliveryID: alma.DeliveryID(webhookID, ev.Position), Since: ev.AppendedAt, Trace: ev.Trace,
			})
		}
	}
	return list
}

// begun makes what is replayed begin now: its append may be long ago.
func begun(list []alma.EventTrace, now time.Time) {
	for i := range list {
		list[i].Since = now.UTC()
	}
}

// tellsTrace reports whether listeners get the header: the format exlibris has
// a fixed set of them, and a header of the webhook's own goes first.
func (c *compiled) tellsTrace(format wire.Format) bool {
	return format.Name() != alma.FormatExlibris && !c.ownTrace
}

func namesTrace(headers []alma.HeaderField) bool {
	for _, f := range headers {
		if strings.EqualFold(f.Name, alma.HeaderTraceParent) {
			return true
		}
	}
	return false
}
