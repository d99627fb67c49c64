package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

// exlibrisFormat is how the library platform Ex Libris Alma calls its webhook
// listeners, by the rules that it publishes: one object, in JSON or XML, with
// an HMAC in Base64, over https, to listeners that have answered a challenge.
type exlibrisFormat struct{}

func (exlibrisFormat) Name() alma.Format { return alma.FormatExlibris }

func (exlibrisFormat) Defaults() alma.FormatDefaults {
	return alma.FormatDefaults{
		RetrySchedule: []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour},
		Timeout:       5 * time.Second,
		BulkLimit:     500_000,
	}
}

func (exlibrisFormat) Check(f *alma.Faults, cfg alma.WebhookConfig) {
	refuseForeign(f, cfg, "omit_null")
	if u, err := url.Parse(cfg.URL); err == nil && u.Scheme == "http" {
		f.Addf("url", "format exlibris sends over https only; want an https url")
	}
	if cfg.Unsigned {
		f.Addf("secret", "is null, although format exlibris signs every delivery; give one, or leave it out to have one made")
	}
	if cfg.BatchSize > 1 {
		f.Addf("batch_size", "format exlibris has no batches; leave it out")
	}
}

func (exlibrisFormat) NewSecret(alma.SignatureScheme) string { return alma.NewSecret() }

// Selects takes the name of an action for all of its events.
func (exlibrisFormat) Selects(name alma.EventType) []alma.EventType {
	if types := exlibris.TypesOf(exlibris.Action(name)); len(types) > 0 {
		return types
	}
	return []alma.EventType{name}
}

// Carries takes events of the catalogue, and those that came from a body of
// this format.
func (exlibrisFormat) Carries(e *alma.Event) bool {
	_, _, ok := actionOf(e)
	return ok
}

func (exlibrisFormat) Encode(events []*alma.Event, form Form) (alma.Message, error) {
	if len(events) != 1 || form.Batch {
		return alma.Message{}, fmt.Errorf("alma: encode: %d events do not fit into one message, for format exlibris has no batches", len(events))
	}
	o, err := newExlibrisObject(events[0])
	if err != nil {
		return alma.Message{}, err
	}
	if form.XML {
		body, err := o.xml()
		return alma.Message{Format: alma.FormatExlibris, ContentType: "application/xml", Body: body}, err
	}
	return alma.Message{Format: alma.FormatExlibris, ContentType: "application/json;charset=UTF-8", Body: o.json(form.OmitNull)}, nil
}

func (exlibrisFormat) Sign(msg *alma.Message, secrets []string, _ Attempt) []alma.HeaderField {
	fields := append(make([]alma.HeaderField, 0, 3),
		alma.HeaderField{Name: "Content-Type", Value: msg.ContentType},
		alma.HeaderField{Name: "User-Agent", Value: userAgent},
	)
	if len(secrets) > 0 {
		fields = append(fields, alma.HeaderField{Name: HeaderExlibrisSignature, Value: SignExlibris(oldest(secrets), msg.Body)})
	}
	return fields
}

func (exlibrisFormat) Verify(header http.Header, body []byte, secrets []string, _ time.Time) error {
	signature := header.Values(HeaderExlibrisSignature)
	if len(signature) > 1 {
		return fmt.Errorf("%w: %s is given %d times", ErrSignatureMalformed, HeaderExlibrisSignature, len(signature))
	}
	return verifyExlibris(secrets, body, header.Get(HeaderExlibrisSignature))
}

// Verdict follows the published rules: only what may be the listener's
// momentary trouble is tried again. A 410 is a 4XX like every other.
func (exlibrisFormat) Verdict(status int, _ http.Header, _ time.Time) Verdict {
	switch {
	case status >= 200 && status <= 299:
		return Verdict{Outcome: Success}
	case status >= 300 && status <= 499:
		return Verdict{Outcome: Final, Reason: statusReason(status)}
	default:
		return Verdict{Outcome: Retry, Reason: statusReason(status)}
	}
}

// Ask asks every listener.
func (exlibrisFormat) Ask(cfg alma.WebhookConfig, _ string) (*Question, error) {
	return askChallenge(cfg.URL)
}

func (exlibrisFormat) Answer(w http.ResponseWriter, r *http.Request) bool {
	return answerChallenge(w, r)
}

// Sample is the end of a job that did nothing, under a name that no job has.
func (exlibrisFormat) Sample(webhookID, project string) alma.Event {
	const name = "A test of this webhook. Nothing has changed."
	return alma.Event{
		Type: exlibris.JobEnd, MemoryType: exlibris.PayloadJob, MemoryID: webhookID, ProjectID: project,
		Data: []byte(`{"id":"` + webhookID + `","name":"` + name + `","status":{"value":"COMPLETED_SUCCESS","desc":"Completed Successfully"},` +
			`"job_info":{"id":"ALMA_TEST","name":"` + name + `"}}`),
	}
}
