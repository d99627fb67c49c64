package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// purgeLine is a line of the answer to who wants to know how far a purge is.
type purgeLine struct {
	Progress *struct{ Events, Memories int64 }
	Status   int
	Body     json.RawMessage
}

// TestPurgeTellsItsProgress: who accepts lines gets the first before the work is
// done, and the answer last; who does not gets the answer alone.
func TestPurgeTellsItsProgress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post("/v1/events", []any{event("m1", "p"), event("m2", "p")}).want(http.StatusAccepted)
	a := r.do(r.admin, http.MethodPost, "/v1/purge", map[string]any{"project_id": "p"}, "Accept", "application/x-ndjson, application/json;q=0.5").want(http.StatusOK)
	var lines []purgeLine
	for text := range bytes.Lines(a.body) {
		var line purgeLine
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	if got := a.header.Get("Content-Type"); got != "application/x-ndjson" || len(lines) < 2 || lines[0].Progress == nil {
		t.Fatalf("%s: %s", got, a.body)
	}
	last := lines[len(lines)-1]
	var done struct{ Events int64 }
	if err := json.Unmarshal(last.Body, &done); err != nil || last.Status != http.StatusOK || done.Events != 2 {
		t.Errorf("the last line: %d %s (%v)", last.Status, last.Body, err)
	}
	r.do(r.admin, http.MethodPost, "/v1/purge", map[string]any{}, "Accept", "application/x-ndjson").want(http.StatusUnprocessableEntity)
	if log := r.audited(r.admin, ""); !strings.Contains(fmt.Sprint(log), "POST /v1/purge  [project_id] 200") {
		t.Errorf("the audit log: %q", log)
	}
}
