package alma

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"time"
)

// webhookJSON is the JSON form of a [WebhookConfig], in the order in which it
// is shown.
type webhookJSON struct {
	URL           string            `json:"url"`
	Events        []EventType       `json:"events"`
	Format        Format            `json:"format,omitempty"`
	Secret        json.RawMessage   `json:"secret,omitempty"`
	Signature     SignatureScheme   `json:"signature,omitempty"`
	Headers       map[string]string `json:"headers"`
	RetryCount    *int              `json:"retry_count"`
	RetryDelay    *seconds          `json:"retry_delay"`
	RetryBackoff  *float64          `json:"retry_backoff"`
	RetrySchedule []seconds         `json:"retry_schedule"`
	RetryJitter   float64           `json:"retry_jitter"`
	AgentFilter   []string          `json:"agent_filter"`
	ProjectFilter []string          `json:"project_filter"`
	TypeFilter    []MemoryType      `json:"type_filter"`
	Filter        string            `json:"filter"`
	Timeout       *seconds          `json:"timeout"`
	BatchSize     *int              `json:"batch_size"`
	BatchDelay    *seconds          `json:"batch_delay"`
	MaxInFlight   *int              `json:"max_in_flight"`
	RateLimit     *float64          `json:"rate_limit"`
	Ordered       bool              `json:"ordered"`
	MaxAge        *seconds          `json:"max_age"`
	ProjectID     string            `json:"project_id"`
	Contacts      []string          `json:"contacts"`
	BulkLimit     *int64            `json:"bulk_limit"`
	DisableAfter  *seconds          `json:"disable_after"`
	ContentType   string            `json:"content_type,omitempty"`
	OmitNull      bool              `json:"omit_null"`
	ContentMode   ContentMode       `json:"content_mode,omitempty"`
	Challenge     bool              `json:"challenge"`
	Certificate   string            `json:"client_certificate"`
	ClientKey     string            `json:"client_key,omitempty"`
	Active        *bool             `json:"active"`
	Description   string            `json:"description"`
	Name          string            `json:"name"`
}

// seconds is a duration written as a number of seconds.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(s).Seconds())
}

func (s *seconds) UnmarshalJSON(b []byte) error {
	var v float64
	if err := json.Unmarshal(b, &v); err != nil {
		return errors.New("want a number of seconds")
	}
	*s = seconds(secondsToDuration(v))
	return nil
}

// secondsToDuration keeps absurd numbers absurd instead of letting them wrap.
func secondsToDuration(v float64) time.Duration {
	switch ns := v * float64(time.Second); {
	case ns >= math.MaxInt64:
		return math.MaxInt64
	case ns <= math.MinInt64:
		return math.MinInt64
	default:
		return time.Duration(math.Round(ns))
	}
}

// MarshalJSON writes the settings with their JSON names. The secret and the
// client's key are left out; headers are written with their values.
func (c WebhookConfig) MarshalJSON() ([]byte, error) {
	j := webhookJSON{
		URL: c.URL, Events: c.Events, Format: c.Format, Headers: c.Headers,
		RetryCount: c.RetryCount, RetryDelay: (*seconds)(c.RetryDelay), RetryBackoff: c.RetryBackoff, RetryJitter: c.RetryJitter,
		AgentFilter: c.AgentFilter, ProjectFilter: c.ProjectFilter, TypeFilter: c.TypeFilter, Filter: c.Filter,
		Timeout: nonZero(seconds(c.Timeout)), BatchSize: nonZero(c.BatchSize), BatchDelay: (*seconds)(c.BatchDelay),
		MaxInFlight: nonZero(c.MaxInFlight), RateLimit: nonZero(c.RateLimit), Ordered: c.Ordered, MaxAge: nonZero(seconds(c.MaxAge)),
		ProjectID: c.ProjectID, Contacts: c.Contacts, BulkLimit: c.BulkLimit, DisableAfter: (*seconds)(c.DisableAfter),
		ContentType: c.ContentType, OmitNull: c.OmitNull, ContentMode: c.ContentMode, Challenge: c.Challenge,
		Signature: c.Signature, Certificate: c.ClientCertificate, Active: c.Active, Description: c.Description, Name: c.Name,
	}
	for _, d := range c.RetrySchedule {
		j.RetrySchedule = append(j.RetrySchedule, seconds(d))
	}
	if c.Unsigned {
		j.Secret = json.RawMessage("null")
	}
	return json.Marshal(j)
}

func nonZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// UnmarshalJSON reads settings. Unknown members and wrong types are faults of
// a [*ValidationError]; the values themselves are checked by Validate.
func (c *WebhookConfig) UnmarshalJSON(b []byte) error {
	var j webhookJSON
	if err := decodeMembers(b, &j); err != nil {
		return err
	}
	return c.take(&j)
}

// readStored reads settings that MarshalJSON wrote. There are many at a start,
// and nobody to be told of all faults at once.
func (c *WebhookConfig) readStored(b []byte) error {
	var j webhookJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields() // Of a later version, which means something by it.
	if err := dec.Decode(&j); err != nil {
		return err //nolint:wrapcheck // The caller names the webhook.
	}
	return c.take(&j)
}

// take makes settings of their JSON form.
func (c *WebhookConfig) take(j *webhookJSON) error {
	*c = WebhookConfig{
		URL: j.URL, Events: j.Events, Format: j.Format, Headers: j.Headers,
		RetryCount: j.RetryCount, RetryDelay: (*time.Duration)(j.RetryDelay), RetryBackoff: j.RetryBackoff, RetryJitter: j.RetryJitter,
		AgentFilter: j.AgentFilter, ProjectFilter: j.ProjectFilter, TypeFilter: j.TypeFilter, Filter: j.Filter,
		Timeout: time.Duration(deref(j.Timeout)), BatchSize: deref(j.BatchSize), BatchDelay: (*time.Duration)(j.BatchDelay),
		MaxInFlight: deref(j.MaxInFlight), RateLimit: deref(j.RateLimit), Ordered: j.Ordered, MaxAge: time.Duration(deref(j.MaxAge)),
		ProjectID: j.ProjectID, Contacts: j.Contacts, BulkLimit: j.BulkLimit, DisableAfter: (*time.Duration)(j.DisableAfter),
		ContentType: j.ContentType, OmitNull: j.OmitNull, ContentMode: j.ContentMode, Challenge: j.Challenge,
		Signature: j.Signature, ClientCertificate: j.Certificate, ClientKey: j.ClientKey, Active: j.Active, Description: j.Description, Name: j.Name,
	}
	if j.RetrySchedule != nil {
		c.RetrySchedule = make([]time.Duration, len(j.RetrySchedule))
		for i, s := range j.RetrySchedule {
			c.RetrySchedule[i] = time.Duration(s)
		}
	}
	var f Faults
	notZero(&f, "timeout", j.Timeout)
	notZero(&f, "batch_size", j.BatchSize)
	notZero(&f, "max_in_flight", j.MaxInFlight)
	c.readSecret(&f, j.Secret)
	return f.Err()
}

// notZero refuses an explicit zero where zero would mean "the default".
func notZero[T int | seconds](f *Faults, field string, p *T) {
	if p != nil && *p == 0 {
		f.Addf(field, "0 is out of range; want more than 0, or leave it out for the default")
	}
}

func (c *WebhookConfig) readSecret(f *Faults, raw json.RawMessage) {
	switch {
	case len(raw) == 0:
	case string(raw) == "null":
		c.Unsigned = true
	case json.Unmarshal(raw, &c.Secret) != nil:
		f.Addf("secret", "want a text, null for an unsigned webhook, or nothing to have one generated")
	case c.Secret == "":
		f.Addf("secret", "is empty; leave it out to have one generated, or say null for an unsigned webhook")
	}
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// decodeMembers decodes an object member by member, so that every unknown
// name and every wrong type is found at once.
func decodeMembers[T any](b []byte, into *T) error {
	var members map[string]json.RawMessage
	var f Faults
	if err := json.Unmarshal(b, &members); err != nil {
		f.Addf("", "want a JSON object: %v", err)
		return f.Err()
	}
	known := tagNames[T]()
	for _, name := range memberNames(b) {
		if !known[name] { // encoding/json would take it in another case.
			f.Addf(name, "unknown member; check its spelling")
			continue
		}
		one, _ := json.Marshal(map[string]json.RawMessage{name: members[name]}) //nolint:errchkjson // Raw members came from valid JSON.
		if err := json.Unmarshal(one, into); err != nil {
			f.Addf(name, "%s", memberMessage(err))
		}
	}
	return f.Err()
}

func memberMessage(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("is a %s; want %s", wrong.Value, typeName(wrong.Type.Kind().String()))
	}
	return err.Error()
}

// tagNames returns the JSON names of a struct's fields.
func tagNames[T any]() map[string]bool {
	known := map[string]bool{}
	for field := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = true
	}
	return known
}

func typeName(kind string) string {
	switch kind {
	case "int", "int64":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	case "map", "struct":
		return "an object"
	default:
		return "a text"
	}
}

// memberNames returns the member names of an object in the order of the text.
func memberNames(b []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(b))
	var names []string
	if _, err := dec.Token(); err != nil {
		return nil
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return names
		}
		if name, ok := key.(string); ok {
			names = append(names, name)
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); errors.Is(err, io.EOF) || err != nil {
			return names
		}
	}
	return names
}
