package storagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/alma-events/alma"
)

// env is what a case works with: a storage of its own, and short words for
// what cases do again and again. Any unexpected error ends the case.
type env struct {
	*testing.T
	alma.Storage
	ctx      context.Context // Lives as long as the case.
	features Features
}

// moment is the time that cases build their times from. It has microseconds,
// which every driver keeps.
var moment = time.Date(2026, 1, 28, 12, 0, 0, 123_456_000, time.UTC)

func (e *env) check(err error, doing string) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", doing, err)
	}
}

func (e *env) wantErr(err, want error, doing string) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Fatalf("%s: got error %v, want one that is %q", doing, err, want)
	}
}

// jsonBytes compares stored JSON as a whole: byte by byte takes long.
var jsonBytes = cmp.FilterValues(func(a, b json.RawMessage) bool { return len(a)+len(b) > 0 }, cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }))

func (e *env) equal(got, want any, what string) {
	e.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), jsonBytes); diff != "" {
		e.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

// event returns a prepared event.
func (e *env) event(id string, change ...func(*alma.Event)) alma.Event {
	e.Helper()
	ev := alma.Event{
		ID: id, Type: alma.Created, MemoryID: "memory-" + id, MemoryType: alma.TypeHeuristic, Agent: "agent", ProjectID: "project",
		Timestamp: moment, Data: json.RawMessage(`{"strategy":"` + id + `"}`),
	}
	for _, f := range change {
		f(&ev)
	}
	e.check(ev.Prepare(moment), "prepare an event")
	return ev
}

// append appends events and returns their positions.
func (e *env) append(events ...alma.Event) []alma.Position {
	e.Helper()
	answers, err := e.Append(e.ctx, events)
	e.check(err, "append")
	if len(answers) != len(events) {
		e.Fatalf("append of %d events gave %d answers", len(events), len(answers))
	}
	list := make([]alma.Position, len(answers))
	for i, a := range answers {
		list[i] = a.Position
	}
	return list
}

// appendN appends n events in one call.
func (e *env) appendN(prefix string, n int) []alma.Position {
	e.Helper()
	events := make([]alma.Event, n)
	for i := range events {
		events[i] = e.event(fmt.Sprintf("%s-%d", prefix, i))
	}
	return e.append(events...)
}

// readAll reads the log from a position to its end.
func (e *env) readAll(after alma.Position) []alma.Event {
	e.Helper()
	var all []alma.Event
	for {
		page, err := e.Read(e.ctx, after, 100)
		e.check(err, "read")
		if page.Next.Before(after) {
			e.Fatalf("read after %s says to go on at %s, which lies before", after, page.Next)
		}
		if len(page.Events) == 0 {
			return all
		}
		all, after = append(all, page.Events...), page.Next
	}
}

// horizon returns the end of the log.
func (e *env) horizon() alma.Position {
	e.Helper()
	h, err := e.Horizon(e.ctx)
	e.check(err, "horizon")
	return h
}

// webhook creates a webhook.
func (e *env) webhook(id string) alma.Webhook {
	e.Helper()
	w, err := e.CreateWebhook(e.ctx, alma.Webhook{
		ID: id, State: alma.StateActive,
		Config: alma.WebhookConfig{URL: "https://example.com/" + id, Format: alma.FormatAlma, Secret: "secret of " + id},
	})
	e.check(err, "create webhook "+id)
	return w
}

func (e *env) settle(s alma.Settlement) {
	e.Helper()
	e.check(e.Settle(e.ctx, s), "settle")
}

// traceParent is the trace of events that belong to one.
const traceParent alma.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// success returns a first attempt that succeeded.
func success(webhookID string, positions ...alma.Position) alma.SettledAttempt {
	return alma.SettledAttempt{WebhookID: webhookID, Positions: positions, Attempt: alma.Attempt{Number: 1, At: moment, Duration: 1234 * time.Microsecond, StatusCode: 200}}
}

// failure returns an attempt that failed.
func failure(webhookID string, number int, positions ...alma.Position) alma.SettledAttempt {
	return alma.SettledAttempt{WebhookID: webhookID, Positions: positions, Attempt: alma.Attempt{
		Number: number, At: moment.Add(time.Duration(number) * time.Minute), Duration: time.Second, StatusCode: 503,
		Reason: alma.ReasonStatus5xx, Error: "the listener answered 503",
	}}
}

// pending returns the exception that follows a failed attempt.
func pending(webhookID string, attempts int, pos alma.Position) alma.Exception {
	return alma.Exception{
		WebhookID: webhookID, Position: pos, Status: alma.StatusPending, Attempts: attempts, NextAttemptAt: moment.Add(time.Hour), Delay: 90 * time.Minute,
		LastReason: alma.ReasonStatus5xx, LastError: "the listener answered 503", LastStatusCode: 503,
		Message: &alma.Message{
			Format: alma.FormatAlma, ContentType: "application/json",
			Header: []alma.HeaderField{{Name: "X-ALMA-Event-Type", Value: "CREATED"}, {Name: "x-odd-Case", Value: "ü"}},
			Body:   []byte("{\"a\":1}\x00\xff"),
			Traces: []alma.EventTrace{{EventID: "a", EventType: alma.Created, DeliveryID: "dlv_a", Since: moment, Trace: traceParent}},
		},
	}
}

// batch returns a pending exception for several positions.
func batch(webhookID, batchID string, members ...alma.Position) alma.Exception {
	x := pending(webhookID, 1, members[0])
	x.Members, x.BatchID = members, batchID
	return x
}

func key(webhookID string, pos alma.Position) alma.DeliveryKey {
	return alma.DeliveryKey{WebhookID: webhookID, Position: pos}
}

// deliveries lists all pages of a query.
func (e *env) deliveries(q alma.DeliveryQuery) []alma.Delivery {
	e.Helper()
	return pages(e, q.Size(), func(after string) (alma.Page[alma.Delivery], error) {
		q.After = after
		return e.FindDeliveries(e.ctx, q)
	})
}

func (e *env) events(q alma.EventQuery) []alma.Event {
	e.Helper()
	return pages(e, q.Size(), func(after string) (alma.Page[alma.Event], error) {
		q.After = after
		return e.FindEvents(e.ctx, q)
	})
}

// pages gathers all pages of a listing, of which none may exceed its size.
func pages[T any](e *env, size int, get func(after string) (alma.Page[T], error)) []T {
	e.Helper()
	var all []T
	for after := ""; ; {
		page, err := get(after)
		e.check(err, "read a page")
		if len(page.Items) > size {
			e.Fatalf("a page of at most %d holds %d", size, len(page.Items))
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		after = page.Next
	}
}

func eventIDs(events []alma.Event) []string {
	ids := make([]string, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	return ids
}

// rows names deliveries shortly: "webhook event STATUS attempts".
func rows(list []alma.Delivery) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = fmt.Sprintf("%s %s %s %d", list[i].WebhookID, list[i].EventID, list[i].Status, list[i].Attempts)
	}
	return out
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
