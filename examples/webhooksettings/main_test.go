package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	want := `POST /webhook with 10 events, memory-1 to memory-10
Authorization: Bearer token
X-ALMA-Signature has 71 characters
active: {
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("printed:\n%s\nwant it to begin with:\n%s", got, want)
	}
	for _, setting := range []string{
		`"events": [
    "CREATED"
  ]`,
		`"Authorization": "********"`,
		`"retry_count": 3`, `"retry_delay": 5`, `"retry_backoff": 2`,
		`"agent_filter": [
    "agent1"
  ]`,
		`"project_filter": [
    "proj1"
  ]`,
		`"timeout": 30`, `"batch_size": 10`, `"batch_delay": 1,`,
	} {
		if !strings.Contains(got, setting) {
			t.Errorf("the settings do not hold %s:\n%s", setting, got)
		}
	}
	if strings.Contains(got, "hmac-secret") {
		t.Errorf("the secret is shown:\n%s", got)
	}
}
