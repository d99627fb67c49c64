package api_test

import (
	"net/http"
	"slices"
	"testing"
)

// TestPostWebhookTellsEveryFault: what the decoder finds does not hide what the
// manager finds.
func TestPostWebhookTellsEveryFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/webhooks", map[string]any{
		"url": "http://169.254.169.254/x", "typo": 1, "filter": "event.", "format": "morse", "retry_count": -1,
	}).want(http.StatusUnprocessableEntity)
	got := a.locations()
	slices.Sort(got)
	if want := []string{"filter", "format", "retry_count", "typo", "url"}; !slices.Equal(got, want) {
		t.Errorf("faults at %q, want %q: %s", got, want, a.body)
	}
}
