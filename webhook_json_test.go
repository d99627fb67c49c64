package alma_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

func TestWebhookConfigFromJSON(t *testing.T) {
	t.Parallel()
	var got alma.WebhookConfig
	err := json.Unmarshal([]byte(`{
		"url": "https://example.com/hook", "events": ["CREATED"], "format": "alma", "secret": "s3cret", "headers": {"X-A": "b"},
		"retry_count": 0, "retry_delay": 0.5, "retry_backoff": 3, "retry_jitter": 0.1,
		"agent_filter": ["a"], "project_filter": ["p"], "type_filter": ["heuristic"], "filter": "event.agent == 'a'",
		"timeout": 2.5, "batch_size": 10, "batch_delay": 0, "max_in_flight": 5, "rate_limit": 1.5, "ordered": true, "max_age": 60,
		"project_id": "p", "contacts": ["ops@example.com"], "bulk_limit": 9, "disable_after": 3600, "content_type": "json", "active": false, "description": "d"
	}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := alma.WebhookConfig{
		URL: "https://example.com/hook", Events: []alma.EventType{alma.Created}, Format: alma.FormatAlma, Secret: "s3cret", Headers: map[string]string{"X-A": "b"},
		RetryCount: new(0), RetryDelay: new(500 * time.Millisecond), RetryBackoff: new(3.0), RetryJitter: 0.1,
		AgentFilter: []string{"a"}, ProjectFilter: []string{"p"}, TypeFilter: []alma.MemoryType{"heuristic"}, Filter: "event.agent == 'a'",
		Timeout: 2500 * time.Millisecond, BatchSize: 10, BatchDelay: new(time.Duration(0)), MaxInFlight: 5, RateLimit: 1.5, Ordered: true, MaxAge: time.Minute,
		ProjectID: "p", Contacts: []string{"ops@example.com"}, BulkLimit: new(int64(9)), DisableAfter: new(time.Hour), ContentType: "json", Active: new(false), Description: "d",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b, err := json.Marshal(got)
	if err != nil || strings.Contains(string(b), "s3cret") {
		t.Fatalf("written as %s, %v: want no secret", b, err)
	}
	var again alma.WebhookConfig
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	want.Secret = ""
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s", diff)
	}
}

func TestWebhookConfigSecretAndSchedule(t *testing.T) {
	t.Parallel()
	var c alma.WebhookConfig
	if err := json.Unmarshal([]byte(`{"url":"https://e.com","secret":null,"retry_schedule":[1,3600,1e12],"retry_count":null}`), &c); err != nil {
		t.Fatal(err)
	}
	if !c.Unsigned || c.RetryCount != nil {
		t.Errorf("unsigned %v, retry_count %v", c.Unsigned, c.RetryCount)
	}
	if diff := cmp.Diff([]time.Duration{time.Second, time.Hour, math.MaxInt64}, c.RetrySchedule); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
	b, err := json.Marshal(alma.WebhookConfig{Unsigned: true, RetrySchedule: []time.Duration{90 * time.Second}})
	if err != nil || !strings.Contains(string(b), `"secret":null`) || !strings.Contains(string(b), `"retry_schedule":[90]`) {
		t.Errorf("written as %s, %v", b, err)
	}
}

func TestWebhookConfigJSONFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, json string
		fields     []string
	}{
		{"unknown members and wrong types, in their order", `{"retries":1,"url":5,"timeout":"30s","events":"CREATED","active":"no","batch_size":1.5}`,
			[]string{"retries", "url", "timeout", "events", "active", "batch_size"}},
		{"another case is another name", `{"URL":"https://e.com"}`, []string{"URL"}},
		{"zero where it would mean the default", `{"timeout":0,"batch_size":0,"max_in_flight":0}`, []string{"timeout", "batch_size", "max_in_flight"}},
		{"empty secret", `{"secret":""}`, []string{"secret"}},
		{"secret of another type", `{"secret":7}`, []string{"secret"}},
		{"no object", `[]`, []string{""}},
		{"an operator's null", `{"url":null,"events":null,"timeout":null,"active":null}`, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var cfg alma.WebhookConfig
			wantFaults(t, json.Unmarshal([]byte(c.json), &cfg), c.fields...)
		})
	}
}

func TestWithDefaults(t *testing.T) {
	t.Parallel()
	format := alma.FormatDefaults{RetryCount: 3, RetryDelay: 5 * time.Second, RetryBackoff: 2, Timeout: 30 * time.Second, DisableAfter: time.Hour}
	scheduled := format
	scheduled.RetrySchedule = []time.Duration{time.Hour}
	full := alma.WebhookConfig{}.WithDefaults(format)
	want := alma.WebhookConfig{
		Format: alma.FormatAlma, Signature: alma.SignatureHMAC, RetryCount: new(3), RetryDelay: new(5 * time.Second), RetryBackoff: new(2.0), Timeout: 30 * time.Second,
		BatchSize: 1, BatchDelay: new(time.Second), MaxInFlight: 64, BulkLimit: new(int64(0)), DisableAfter: new(time.Hour), ContentType: "json", Active: new(true),
	}
	if diff := cmp.Diff(want, full); diff != "" {
		t.Errorf("nothing said (-want +got):\n%s", diff)
	}
	if again := full.WithDefaults(scheduled); !cmp.Equal(full, again) {
		t.Errorf("what is set was replaced:\n%s", cmp.Diff(full, again))
	}
	if c := (alma.WebhookConfig{}).WithDefaults(scheduled); c.RetryCount != nil || len(c.RetrySchedule) != 1 {
		t.Errorf("the format's schedule does not take effect: %+v", c)
	}
	if c := (alma.WebhookConfig{RetryCount: new(0)}).WithDefaults(scheduled); c.RetrySchedule != nil || *c.RetryCount != 0 || *c.RetryDelay != 5*time.Second {
		t.Errorf("a caller's count does not win over the format's schedule: %+v", c)
	}
	if c := (alma.WebhookConfig{RetrySchedule: []time.Duration{1}}).WithDefaults(format); c.RetryCount != nil {
		t.Errorf("a caller's schedule does not stand alone: %+v", c)
	}
}
