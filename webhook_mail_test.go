package alma_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// TestMailAddresses: what a mailto: URL names, and what is no such URL.
func TestMailAddresses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string][]string{
		"mailto:ops@example.com":                           {"ops@example.com"},
		"MailTo:ops@example.com,dev@example.org":           {"ops@example.com", "dev@example.org"},
		"mailto:ops%2Balma@example.com,o'neil@example.com": {"ops+alma@example.com", "o'neil@example.com"},
		"mailto:100%25@example.com":                        {"100%@example.com"},
		"https://example.com/hook":                         nil,
		"mail":                                             nil,
	} {
		cfg := alma.WebhookConfig{URL: url}
		if got := cfg.MailAddresses(); !slices.Equal(got, want) || cfg.SendsMail() != (want != nil) {
			t.Errorf("%s: %q; want %q", url, got, want)
		}
	}
}

func TestMailURLsAreChecked(t *testing.T) {
	t.Parallel()
	many := "mailto:" + strings.Repeat("ops@example.com,", alma.MaxMailAddresses) + "one@example.com"
	for url, want := range map[string]string{
		"mailto:":                 "lacks an address",
		"mailto:ops@example.com,": "lacks an address",
		"mailto:ops":              `"ops" is no e-mail address`,
		"mailto:ops@example.com, dev@example.com":     `" dev@example.com" is no e-mail address`,
		"mailto:Ops%20%3Cops@example.com%3E":          "is no e-mail address",
		"mailto:ops@example.com%0D%0ABcc:x@evil.test": "is no e-mail address",
		"mailto:ops@example.com%0D%0A":                "is no e-mail address",
		"mailto:%22a%0D%0Ab%22@example.com":           "is no e-mail address",
		"mailto:ops%zz@example.com":                   "a % in an address is written %25",
		"mailto:ops@example.com?subject=x":            "has more than addresses",
		"mailto:?to=ops@example.com":                  "has more than addresses",
		"mailto:ops@example.com#x":                    "has more than addresses",
		many:                                          "has 21 addresses; at most 20 are taken",
		"mailto://ops@example.com":                    "has slashes before the address",
	} {
		err := alma.WebhookConfig{URL: url, Events: []alma.EventType{"ALMA_LAG_HIGH"}}.Validate()
		wantFaults(t, err, "url")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", url, err, want)
		}
	}
}

// TestMailTellsOfOperationalEventsAlone: they must be named.
func TestMailTellsOfOperationalEventsAlone(t *testing.T) {
	t.Parallel()
	cfg := alma.WebhookConfig{URL: "mailto:ops@example.com"}
	wantFaults(t, cfg.Validate(), "events")
	cfg.Events = []alma.EventType{"ALMA_LAG_HIGH", "CREATED", "lower"}
	wantFaults(t, cfg.Validate(), "events[2]", "events[1]")
	cfg.Events = cfg.Events[:1]
	cfg.Ordered, cfg.ProjectID, cfg.ProjectFilter, cfg.TypeFilter, cfg.Unsigned = true, "shop", []string{"shop"}, []alma.MemoryType{"webhook"}, true
	wantFaults(t, cfg.Validate())
}

// TestMailDefaults: what is not said is gathered for a minute, and tried again for
// most of a day; what is said stays.
func TestMailDefaults(t *testing.T) {
	t.Parallel()
	format := alma.FormatDefaults{RetryCount: 3, RetryDelay: 5 * time.Second, RetryBackoff: 2, RetrySchedule: []time.Duration{time.Hour}, Timeout: 30 * time.Second}
	c := alma.WebhookConfig{URL: "mailto:ops@example.com"}.WithDefaults(format)
	if c.BatchSize != 50 || *c.BatchDelay != time.Minute || c.MaxInFlight != 2 || *c.RetryCount != 6 || *c.RetryDelay != time.Minute || *c.RetryBackoff != 4 || c.RetrySchedule != nil || c.Timeout != 30*time.Second {
		t.Errorf("nothing said: %v", c)
	}
	if raw, err := json.Marshal(c); err != nil || strings.Contains(string(raw), "signature") {
		t.Errorf("shown as signed: %s, %v", raw, err)
	}
	said := alma.WebhookConfig{URL: c.URL, BatchSize: 1, BatchDelay: new(time.Duration(0)), MaxInFlight: 9, RetrySchedule: []time.Duration{time.Second}}
	if c := said.WithDefaults(format); c.BatchSize != 1 || *c.BatchDelay != 0 || c.MaxInFlight != 9 || len(c.RetrySchedule) != 1 || c.RetryCount != nil {
		t.Errorf("what is said does not stay: %v", c)
	}
}
