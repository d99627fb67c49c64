package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alma-events/alma"
)

// Headers of the format alma, in the case in which they go on the wire.
const (
	HeaderSignature = "X-ALMA-Signature"  // "sha256=" and the HMAC of the body; only with a secret.
	HeaderEventType = "X-ALMA-Event-Type" // Absent on a batch of several types.
	HeaderEventID   = "X-ALMA-Event-ID"   // Absent on a batch.
	HeaderDelivery  = "X-ALMA-Delivery"   // Constant over retries.
	HeaderAttempt   = "X-ALMA-Attempt"    // 1, 2, …
	HeaderTimestamp = "X-ALMA-Timestamp"  // Unix seconds of the attempt. Not signed.
)

// MaxBatchBytes is the most that a batch's body may hold. A single event may
// be larger, alone in its batch, for it cannot be cut.
const MaxBatchBytes = 1 << 20

// almaFormat is the default format: the one of the document on memory events
// and webhooks. An event is one JSON object, a batch an array; the signature
// covers the exact bytes of the body and nothing else.
type almaFormat struct{}

func (almaFormat) Name() alma.Format { return alma.FormatAlma }

func (almaFormat) Defaults() alma.FormatDefaults {
	return alma.FormatDefaults{
		RetryCount:   3,
		RetryDelay:   5 * time.Second,
		RetryBackoff: 2,
		Timeout:      30 * time.Second,
		DisableAfter: 5 * 24 * time.Hour,
	}
}

func (almaFormat) Check(f *alma.Faults, cfg alma.WebhookConfig) { refuseForeign(f, cfg, "challenge") }

func (almaFormat) NewSecret(alma.SignatureScheme) string { return alma.NewSecret() }

func (almaFormat) Selects(name alma.EventType) []alma.EventType { return []alma.EventType{name} }

func (almaFormat) Carries(*alma.Event) bool { return true }

func (almaFormat) Encode(events []*alma.Event, form Form) (alma.Message, error) {
	body, err := almaBody(events, form.Batch)
	if err != nil {
		return alma.Message{}, err
	}
	return alma.Message{
		Format:      alma.FormatAlma,
		ContentType: "application/json",
		Header:      almaHeader(events, form.Batch),
		Body:        body,
	}, nil
}

func almaBody(events []*alma.Event, batch bool) ([]byte, error) {
	if len(events) == 0 || !batch && len(events) != 1 {
		return nil, fmt.Errorf("alma: encode: %d events do not fit into one message", len(events))
	}
	size := 2 + len(events) // Brackets and commas.
	for _, e := range events {
		if err := checkText(e); err != nil {
			return nil, err
		}
		size += EstimateSize(e)
	}
	if len(events) > 1 && size > MaxBatchBytes {
		return nil, fmt.Errorf("alma: encode: a batch of %d bytes; at most %d are sent", size, MaxBatchBytes)
	}
	body := make([]byte, 0, size)
	if !batch {
		return appendEvent(body, events[0]), nil
	}
	body = append(body, '[')
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEvent(body, e)
	}
	return append(body, ']'), nil
}

func almaHeader(events []*alma.Event, batch bool) []alma.HeaderField {
	header := make([]alma.HeaderField, 0, 2)
	eventType := events[0].Type
	for _, e := range events {
		if e.Type != eventType {
			return nil
		}
	}
	header = append(header, alma.HeaderField{Name: HeaderEventType, Value: string(eventType)})
	if !batch {
		header = append(header, alma.HeaderField{Name: HeaderEventID, Value: events[0].ID})
	}
	return header
}

func (almaFormat) Sign(msg *alma.Message, secrets []string, attempt Attempt) []alma.HeaderField {
	fields := make([]alma.HeaderField, 0, len(msg.Header)+6)
	fields = append(fields, alma.HeaderField{Name: "Content-Type", Value: msg.ContentType})
	fields = append(fields, msg.Header...)
	fields = append(fields,
		alma.HeaderField{Name: HeaderDelivery, Value: attempt.DeliveryID},
		alma.HeaderField{Name: HeaderAttempt, Value: strconv.Itoa(attempt.Number)},
		alma.HeaderField{Name: HeaderTimestamp, Value: strconv.FormatInt(attempt.At.Unix(), 10)},
		alma.HeaderField{Name: "User-Agent", Value: userAgent},
	)
	if len(secrets) > 0 {
		fields = append(fields, alma.HeaderField{Name: HeaderSignature, Value: SignAlma(oldest(secrets), msg.Body)})
	}
	return fields
}

func (almaFormat) Verify(header http.Header, body []byte, secrets []string, _ time.Time) error {
	signature := header.Values(HeaderSignature)
	if len(signature) > 1 {
		return fmt.Errorf("%w: %s is given %d times", ErrSignatureMalformed, HeaderSignature, len(signature))
	}
	return verifyAlma(secrets, body, header.Get(HeaderSignature))
}

func (almaFormat) Verdict(status int, header http.Header, now time.Time) Verdict {
	switch {
	case status >= 200 && status <= 299:
		return Verdict{Outcome: Success}
	case status == http.StatusGone:
		return Verdict{Outcome: Gone, Reason: alma.ReasonGone}
	default:
		return Verdict{Outcome: Retry, Reason: statusReason(status), RetryAfter: RetryAfter(header, now)}
	}
}
