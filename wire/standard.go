package wire

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// standardFormat is Standard Webhooks 1.0.0: one event a request, signed
// together with its id and the time of the attempt.
type standardFormat struct{}

func (standardFormat) Name() alma.Format { return alma.FormatStandard }

func (standardFormat) Defaults() alma.FormatDefaults { return standardDefaults() }

func (standardFormat) Check(f *alma.Faults, cfg alma.WebhookConfig) {
	refuseForeign(f, cfg, "signature")
	if cfg.BatchSize > 1 {
		f.Addf("batch_size", "is %d, but a request of format standard holds one event; leave it out, or use format alma or cloudevents", cfg.BatchSize)
	}
	if cfg.Unsigned {
		f.Addf("secret", "is null, but format standard has no unsigned deliveries; leave it out to have one generated, or use format alma or cloudevents")
	}
	checkSigning(f, cfg.Secret, cfg.Signature)
}

func (standardFormat) NewSecret(scheme alma.SignatureScheme) string { return newStandardSecret(scheme) }

func (standardFormat) Selects(name alma.EventType) []alma.EventType { return []alma.EventType{name} }

func (standardFormat) Carries(*alma.Event) bool { return true }

func (standardFormat) Encode(events []*alma.Event, form Form) (alma.Message, error) {
	if len(events) != 1 || form.Batch {
		return alma.Message{}, fmt.Errorf("alma: encode: %d events do not fit into one message of format standard; want one", len(events))
	}
	e := events[0]
	if err := checkText(e); err != nil {
		return alma.Message{}, err
	}
	if !isEventID(e.ID) {
		return alma.Message{}, fmt.Errorf("alma: encode event %q: its id cannot be a %s", e.ID, HeaderWebhookID)
	}
	return alma.Message{
		Format: alma.FormatStandard, ContentType: "application/json", Body: standardBody(e),
		Header: []alma.HeaderField{{Name: HeaderWebhookID, Value: e.ID}},
	}, nil
}

func (standardFormat) Sign(msg *alma.Message, secrets []string, attempt Attempt) []alma.HeaderField {
	fields := make([]alma.HeaderField, 0, 5)
	fields = append(fields, alma.HeaderField{Name: "Content-Type", Value: msg.ContentType})
	fields = append(fields, signStandard(webhookID(msg, attempt), msg.Body, secrets, attempt.At)...)
	return append(fields, alma.HeaderField{Name: "User-Agent", Value: userAgent})
}

// webhookID returns the id that is signed: that of the event, and of a batch
// that of the delivery. Neither changes from attempt to attempt. Deliveries of
// some storages have a "." in their id, which the signed text cannot have.
func webhookID(msg *alma.Message, attempt Attempt) string {
	for _, h := range msg.Header {
		if h.Name == HeaderWebhookID {
			return h.Value
		}
	}
	return strings.ReplaceAll(attempt.DeliveryID, ".", "-")
}

func (standardFormat) Verify(header http.Header, body []byte, secrets []string, now time.Time) error {
	return verifyStandard(header, body, secrets, now)
}

func (standardFormat) Verdict(status int, header http.Header, now time.Time) Verdict {
	switch {
	case status >= 200 && status <= 299:
		return Verdict{Outcome: Success}
	case status == http.StatusGone:
		return Verdict{Outcome: Gone, Reason: alma.ReasonGone}
	default:
		return Verdict{Outcome: Retry, Reason: statusReason(status), RetryAfter: throttled(status, header, now)}
	}
}

// throttled returns the wait that a listener asks for with the two statuses
// that mean a wait.
func throttled(status int, header http.Header, now time.Time) time.Duration {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	return RetryAfter(header, now)
}
