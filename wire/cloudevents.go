package wire

import (
	"fmt"
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

// Media types of CloudEvents.
const (
	mediaCloudEvent  = "application/cloudevents+json"
	mediaCloudEvents = "application/cloudevents-batch+json"
	mediaJSON        = "application/json"
)

// cloudEventsFormat is CloudEvents 1.0.2 over HTTP: structured, batch and
// binary mode, with the handshake of its specification of webhooks, and
// signatures as in the format standard.
type cloudEventsFormat struct{}

func (cloudEventsFormat) Name() alma.Format { return alma.FormatCloudEvents }

func (cloudEventsFormat) Defaults() alma.FormatDefaults { return standardDefaults() }

func (cloudEventsFormat) Check(f *alma.Faults, cfg alma.WebhookConfig) {
	refuseForeign(f, cfg, "signature", "content_mode")
	if cfg.BatchSize > 1 && cfg.ContentMode == alma.ModeBinary {
		f.Addf("content_mode", "is binary, which has no batches, but batch_size is %d; leave one of the two out", cfg.BatchSize)
	}
	checkSigning(f, cfg.Secret, cfg.Signature)
}

func (cloudEventsFormat) NewSecret(scheme alma.SignatureScheme) string {
	return newStandardSecret(scheme)
}

func (cloudEventsFormat) Selects(name alma.EventType) []alma.EventType {
	return []alma.EventType{name}
}

// Carries is false for an event whose memory_id holds a character that no
// attribute of a CloudEvent may hold, such as a control character.
func (cloudEventsFormat) Carries(e *alma.Event) bool { return isContextText(e.MemoryID) }

func (cloudEventsFormat) Encode(events []*alma.Event, form Form) (alma.Message, error) {
	if len(events) == 0 || !form.Batch && len(events) != 1 || form.Batch && form.Binary {
		return alma.Message{}, fmt.Errorf("alma: encode: %d events do not fit into one message", len(events))
	}
	for _, e := range events {
		if err := checkCloudEvent(e); err != nil {
			return alma.Message{}, err
		}
	}
	if form.Batch {
		return batchMessage(events)
	}
	ce := newCloudEvent(events[0])
	if form.Binary && ce.shape != shapeNone { // A webhook's request must have a body.
		return binaryMessage(ce), nil
	}
	return alma.Message{
		Format: alma.FormatCloudEvents, ContentType: mediaCloudEvent, Body: ce.append(nil),
		Header: []alma.HeaderField{{Name: HeaderWebhookID, Value: ce.eventID}},
	}, nil
}

func checkCloudEvent(e *alma.Event) error {
	if err := checkText(e); err != nil {
		return err
	}
	if !isEventID(e.ID) {
		return fmt.Errorf("alma: encode event %q: its id cannot be a %s", e.ID, HeaderWebhookID)
	}
	if !isContextText(e.MemoryID) {
		return fmt.Errorf("alma: encode event %q: its memory_id cannot be part of a CloudEvent's subject", e.ID)
	}
	return nil
}

// batchMessage has no webhook-id: several events share it, so that it is that
// of the delivery.
func batchMessage(events []*alma.Event) (alma.Message, error) {
	body := []byte{'['}
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		ce := newCloudEvent(e)
		body = ce.append(body)
	}
	if len(events) > 1 && len(body) >= MaxBatchBytes {
		return alma.Message{}, fmt.Errorf("alma: encode: a batch of %d bytes; at most %d are sent", len(body)+1, MaxBatchBytes)
	}
	return alma.Message{Format: alma.FormatCloudEvents, ContentType: mediaCloudEvents, Body: append(body, ']')}, nil
}

func (cloudEventsFormat) Sign(msg *alma.Message, secrets []string, attempt Attempt) []alma.HeaderField {
	fields := make([]alma.HeaderField, 0, len(msg.Header)+6)
	fields = append(fields, alma.HeaderField{Name: "Content-Type", Value: msg.ContentType})
	for _, h := range msg.Header {
		if h.Name != HeaderWebhookID { // Of signed requests only, and with the others.
			fields = append(fields, h)
		}
	}
	if attempt.Origin != "" {
		fields = append(fields, alma.HeaderField{Name: headerRequestOrigin, Value: attempt.Origin})
	}
	if len(secrets) > 0 {
		fields = append(fields, signStandard(webhookID(msg, attempt), msg.Body, secrets, attempt.At)...)
	}
	return append(fields, alma.HeaderField{Name: "User-Agent", Value: userAgent})
}

// Verify checks a signature as the format standard does. That covers the body
// and the webhook-id: in binary mode, where the event's id is a header, the two
// must be the same event's.
func (cloudEventsFormat) Verify(header http.Header, body []byte, secrets []string, now time.Time) error {
	if err := verifyStandard(header, body, secrets, now); err != nil {
		return err
	}
	if len(header.Values(headerCE+"specversion")) == 0 {
		return nil
	}
	id, ok := percentDecode(header.Get(headerCE + "id"))
	source, sourceOK := percentDecode(header.Get(headerCE + "source"))
	if !ok || !sourceOK || eventIDOf(id, source) != header.Get(HeaderWebhookID) {
		return fmt.Errorf("%w: ce-id is not the signed webhook-id", ErrSignatureMismatch)
	}
	return nil
}

// Verdict follows the specification of webhooks: 429 and 503 mean a wait, 5xx
// another try, and the rest is final. Redirects are ruled out there.
func (cloudEventsFormat) Verdict(status int, header http.Header, now time.Time) Verdict {
	switch {
	case status >= 200 && status <= 299:
		return Verdict{Outcome: Success}
	case status == http.StatusGone:
		return Verdict{Outcome: Gone, Reason: alma.ReasonGone}
	case status == http.StatusTooManyRequests, status < 300, status >= 500:
		return Verdict{Outcome: Retry, Reason: statusReason(status), RetryAfter: throttled(status, header, now)}
	default:
		return Verdict{Outcome: Final, Reason: statusReason(status)}
	}
}
