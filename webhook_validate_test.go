package alma_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

func TestWebhookConfigValidate(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		edit   func(*alma.WebhookConfig)
		fields []string
	}{
		{"url alone", func(*alma.WebhookConfig) {}, nil},
		{"no url", func(c *alma.WebhookConfig) { c.URL = "" }, []string{"url"}},
		{"url that cannot be parsed", func(c *alma.WebhookConfig) { c.URL = "https://e.com/%zz" }, []string{"url"}},
		{"url of another scheme", func(c *alma.WebhookConfig) { c.URL = "ftp://e.com" }, []string{"url"}},
		{"url without scheme", func(c *alma.WebhookConfig) { c.URL = "e.com/hook" }, []string{"url"}},
		{"url without host", func(c *alma.WebhookConfig) { c.URL = "https:///hook" }, []string{"url"}},
		{"url with credentials", func(c *alma.WebhookConfig) { c.URL = "https://u:p@e.com" }, []string{"url"}},
		{"url with a fragment", func(c *alma.WebhookConfig) { c.URL = "https://e.com/#x" }, []string{"url"}},
		{"url too long", func(c *alma.WebhookConfig) { c.URL = "https://e.com/" + strings.Repeat("x", 2048) }, []string{"url"}},
		{"filters", func(c *alma.WebhookConfig) {
			c.Events = []alma.EventType{"CREATED", "created"}
			c.AgentFilter, c.ProjectFilter, c.TypeFilter = []string{"a\n"}, []string{"p", "\xff"}, []alma.MemoryType{"Bib"}
			c.Filter = strings.Repeat("x", 4097)
		}, []string{"events[1]", "agent_filter[0]", "project_filter[1]", "type_filter[0]", "filter"}},
		{"filter that leaves its own project out", func(c *alma.WebhookConfig) { c.ProjectID, c.ProjectFilter = "a", []string{"b"} }, []string{"project_filter"}},
		{"too long lists", func(c *alma.WebhookConfig) { c.AgentFilter = make([]string, 1001) }, []string{"agent_filter"}},
		{"secret and unsigned", func(c *alma.WebhookConfig) { c.Secret, c.Unsigned = "x", true }, []string{"secret"}},
		{"secret too long and no text", func(c *alma.WebhookConfig) { c.Secret = strings.Repeat("\xff", 513) }, []string{"secret", "secret"}},
		{"headers", func(c *alma.WebhookConfig) {
			c.Headers = map[string]string{"Authorization": "Bearer x", "a b": "", "content-type": "x", "X-Alma-Event-Id": "x", "X-T": "1", "x-t": "2", "Y": "a\r\nb"}
		}, []string{"headers.X-Alma-Event-Id", "headers.Y", "headers", "headers.content-type", "headers.x-t"}},
		{"schedule and count", func(c *alma.WebhookConfig) { c.RetrySchedule, c.RetryCount = []time.Duration{1}, new(1) }, []string{"retry_schedule"}},
		{"empty schedule", func(c *alma.WebhookConfig) { c.RetrySchedule = []time.Duration{} }, []string{"retry_schedule"}},
		{"absurd schedule", func(c *alma.WebhookConfig) { c.RetrySchedule = []time.Duration{-1, 25 * time.Hour} }, []string{"retry_schedule[0]", "retry_schedule[1]"}},
		{"too many retries", func(c *alma.WebhookConfig) { c.RetryCount = new(51) }, []string{"retry_count"}},
		{"absurd numbers", func(c *alma.WebhookConfig) {
			c.RetryCount, c.RetryDelay, c.RetryBackoff, c.RetryJitter = new(-1), new(25*time.Hour), new(math.Inf(1)), math.NaN()
			c.Timeout, c.BatchSize, c.BatchDelay, c.MaxInFlight = 61*time.Second, 1001, new(-time.Second), -1
			c.RateLimit, c.MaxAge, c.BulkLimit, c.DisableAfter = -1, -1, new(int64(-1)), new(time.Duration(-1))
		}, []string{
			"retry_count", "retry_delay", "retry_backoff", "retry_jitter", "timeout", "batch_size", "batch_delay", "max_in_flight",
			"rate_limit", "max_age", "bulk_limit", "disable_after",
		}},
		{"contacts", func(c *alma.WebhookConfig) { c.Contacts = []string{"ops@example.com", "Ops <ops@example.com>", "ops"} }, []string{"contacts[1]", "contacts[2]"}},
		{"xml in a format without", func(c *alma.WebhookConfig) { c.ContentType = "xml" }, []string{"content_type"}},
		{"xml in exlibris", func(c *alma.WebhookConfig) { c.ContentType, c.Format = "xml", alma.FormatExlibris }, nil},
		{"unknown content type", func(c *alma.WebhookConfig) { c.ContentType = "yaml" }, []string{"content_type"}},
		{"description", func(c *alma.WebhookConfig) { c.Description = strings.Repeat("x", 1025) }, []string{"description"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := alma.WebhookConfig{URL: "https://example.com/hook"}
			c.edit(&cfg)
			wantFaults(t, cfg.Validate(), c.fields...)
		})
	}
}

func TestFaultsKeepSecretsOut(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	cases := map[string]alma.WebhookConfig{
		"in the url":         {URL: "https://user:" + secret + "@e.com"},
		"in a malformed url": {URL: "https://user:" + secret + "@e.com/%zz"},
		"in a header":        {URL: "https://e.com", Headers: map[string]string{"X-Token": secret + "\n"}},
		"as the secret":      {URL: "https://e.com", Secret: secret + "\xff"},
	}
	for name, c := range cases {
		err := c.Validate()
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
