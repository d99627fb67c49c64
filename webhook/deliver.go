package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/internal/send"
	"github.com/alma-events/alma/wire"
)

// deliver makes one attempt: encode (or fetch what was encoded before), sign,
// send, judge.
func (m *Manager) deliver(ctx context.Context, job *lane.Job) (out lane.Outcome) {
	var tr traced
	defer func() { m.logFailure(job, &out, tr.traceID) }()
	c := job.Settings.Target.(*hook).compiled.Load() //nolint:forcetypeassert // Settings are made in hook.go alone.
	if c.handle != nil {
		return m.call(ctx, c, job)
	}
	at := time.Now()
	message, err := m.message(ctx, c, job)
	if err != nil {
		return m.unsent(ctx, job, at, err)
	}
	job.SetMessage(&message)
	format := c.format
	if f, ok := wire.Lookup(message.Format); ok {
		format = f // A retry keeps the format of its first attempt.
	}
	ctx, tr = m.trace(ctx, c, job, message.Traces)
	defer func() { tr.finish(job, &out) }()
	told, untold := tr.tell(c, format, job)
	attempt := wire.Attempt{DeliveryID: deliveryID(job), Number: job.Number, At: at, Origin: m.cfg.Origin}
	return m.exchange(ctx, c, format, &message, attempt, told, job.Number > 1 || untold)
}

// exchange sends a message once and judges the answer. What was sent and
// answered is noted when it failed, when the answer had a body, or when full
// is set; else it can be told from the event (see fillDetails).
func (m *Manager) exchange(ctx context.Context, c *compiled, format wire.Format, message *alma.Message, attempt wire.Attempt, trace alma.TraceParent, full bool) lane.Outcome {
	if c.mailTo != nil {
		return m.mail(ctx, c, message, attempt)
	}
	headers := append(format.Sign(message, c.signing(attempt.At), attempt), c.headers...)
	if trace != "" {
		headers = append(headers, alma.HeaderField{Name: alma.HeaderTraceParent, Value: string(trace)})
	}
	result := m.sender.Send(ctx, send.Request{
		URL: c.webhook.Config.URL, Header: headers, Body: message.Body, Timeout: c.timeout, Client: c.client, Brief: !full,
	})
	if result.Reason != "" && ctx.Err() != nil {
		return lane.Outcome{Canceled: true}
	}
	out := lane.Outcome{Verdict: judge(format, &result), Attempt: alma.Attempt{
		Number: attempt.Number, At: result.At, Duration: result.Duration, StatusCode: result.StatusCode,
	}}
	if result.Err != nil {
		out.Attempt.Error = c.redact(result.Err.Error())
	} else if out.Verdict.Outcome != wire.Success {
		out.Attempt.Error = statusError(out.Verdict.Reason, result.StatusCode)
	}
	out.Attempt.Reason = out.Verdict.Reason
	if out.Verdict.Outcome != wire.Success || len(result.Body) > 0 || full {
		out.Attempt.Detail = c.detail(headers, &result)
	}
	return out
}

// judge turns a result into a verdict: no complete answer is worth another try.
func judge(format wire.Format, result *send.Result) wire.Verdict {
	if result.Reason != "" {
		return wire.Verdict{Outcome: wire.Retry, Reason: result.Reason}
	}
	return format.Verdict(result.StatusCode, result.Header, time.Now())
}

func statusError(reason alma.Reason, status int) string {
	if reason == alma.ReasonRedirect {
		return fmt.Sprintf("redirect not followed: the listener answered %d; register the address that it redirects to", status)
	}
	return fmt.Sprintf("the listener answered %d", status)
}

// errUnread marks a failure to read what a retry sends: it says nothing about
// the delivery.
var errUnread = errors.New("cannot read what is to be sent")

// unsent is the outcome of an attempt that had nothing to send.
func (m *Manager) unsent(ctx context.Context, job *lane.Job, at time.Time, err error) lane.Outcome {
	switch {
	case ctx.Err() != nil:
		return lane.Outcome{Canceled: true}
	case errors.Is(err, errUnread):
		m.logger.Warn("a retry is put off", "delivery", deliveryID(job), "error", err)
		return lane.Outcome{Postponed: true}
	default:
		return notEncoded(job, at, err)
	}
}

// notEncoded is the outcome of an event that the format cannot carry, or that
// is no longer there.
func notEncoded(job *lane.Job, at time.Time, err error) lane.Outcome {
	reason := alma.ReasonEncode
	if errors.Is(err, errErased) {
		reason = alma.ReasonErased
	}
	return lane.Outcome{
		Verdict: wire.Verdict{Outcome: wire.Final, Reason: reason},
		Attempt: alma.Attempt{Number: job.Number, At: at, Reason: reason, Error: err.Error()},
	}
}

func deliveryID(job *lane.Job) string {
	if job.BatchID != "" {
		return job.BatchID
	}
	key := job.Key()
	return alma.DeliveryID(key.WebhookID, key.Position)
}

// message returns what an attempt sends.
func (m *Manager) message(ctx context.Context, c *compiled, job *lane.Job) (alma.Message, error) {
	if job.Retry != nil {
		return m.storedMessage(ctx, c, job)
	}
	entries := job.Entries
	if slices.ContainsFunc(entries, isErased) { // While the attempt, once given up, waited to be made anew.
		if entries = slices.DeleteFunc(slices.Clone(entries), isErased); len(entries) == 0 {
			return alma.Message{}, errErased
		}
	}
	message, err := m.encode(ctx, c, entries, job.BatchID != "")
	if job.ReplayID() != "" {
		begun(message.Traces, time.Now())
	}
	return message, err
}

func isErased(e *flow.Entry) bool { return e.Event.Erased }

func (m *Manager) encode(ctx context.Context, c *compiled, entries []*flow.Entry, batch bool) (message alma.Message, err error) {
	switch {
	case c.mailTo != nil:
		message, err = m.write(ctx, c, entries)
	case batch:
		message, err = encodeBatch(c, entries)
	default:
		message, err = entries[0].Message(c.format, c.form)
	}
	message.Traces = traces(c.webhook.ID, entries)
	return message, err //nolint:wrapcheck // The format's errors speak for themselves.
}

func encodeBatch(c *compiled, entries []*flow.Entry) (alma.Message, error) {
	events := make([]*alma.Event, len(entries))
	for i, e := range entries {
		events[i] = e.Event
	}
	form := c.form
	form.Batch = true
	return c.format.Encode(events, form) //nolint:wrapcheck // The format's errors speak for themselves.
}

// storedMessage fetches what the first attempt sent, byte for byte. Where
// nothing was stored, or an e-mail for what is a listener now, or the reverse, it
// is encoded from the log.
func (m *Manager) storedMessage(ctx context.Context, c *compiled, job *lane.Job) (alma.Message, error) {
	key := job.Key()
	e, err := m.store.Exception(ctx, key.WebhookID, key.Position)
	switch {
	case err != nil && !errors.Is(err, alma.ErrNotFound):
		return alma.Message{}, fmt.Errorf("%w: %w", errUnread, err)
	case e.Message != nil && (e.Message.Format == formatMail) == (c.mailTo != nil):
		return *e.Message, nil
	}
	return m.encodeAgain(ctx, c, key.Position, job.Retry.Members, job.BatchID != "")
}

// encodeAgain encodes what the log still holds of an event, or of the members
// of a batch.
func (m *Manager) encodeAgain(ctx context.Context, c *compiled, first alma.Position, members []alma.Position, batch bool) (alma.Message, error) {
	if members == nil {
		members = []alma.Position{first}
	}
	entries := make([]*flow.Entry, 0, len(members))
	for _, pos := range members {
		e, err := m.entryAt(ctx, pos)
		if err != nil {
			return alma.Message{}, err
		}
		if !e.Event.Erased {
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 {
		return alma.Message{}, errErased
	}
	return m.encode(ctx, c, entries, batch)
}

// entryAt reads one event of the log.
func (m *Manager) entryAt(ctx context.Context, pos alma.Position) (*flow.Entry, error) {
	before := pos
	before.Seq--
	page, err := m.store.Read(ctx, before, 1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnread, err)
	}
	if len(page.Events) == 0 || page.Events[0].Position != pos {
		return nil, fmt.Errorf("the event is no longer in the log: %w", alma.ErrNotFound)
	}
	return flow.NewEntry(&page.Events[0]), nil
}
