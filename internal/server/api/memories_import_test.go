package api_test

import (
	"net/http"
	"slices"
	"testing"
)

// TestImportFaultsHavePlaces: all faults of a batch at once, and nothing of it
// is stored.
func TestImportFaultsHavePlaces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.post("/v1/memories/import", map[string]any{"events": "yes", "memories": []any{
		map[string]any{"id": "good", "memory_type": "heuristic", "data": map[string]any{"strategy": "s"}},
		map[string]any{"memory_type": "idea", "data": map[string]any{}},
		map[string]any{"id": "late", "memory_type": "outcome", "created_at": "yesterday", "data": map[string]any{}, "verson": 1},
	}}).want(http.StatusUnprocessableEntity)
	for _, place := range []string{"events", "memories[1].id", "memories[1].memory_type", "memories[2].created_at", "memories[2].verson", "memories[2].data.task_description"} {
		if !slices.Contains(a.locations(), place) {
			t.Errorf("no fault at %s: %s", place, a.body)
		}
	}
	r.get("/v1/memories/good").want(http.StatusNotFound)
	r.post("/v1/memories/import", map[string]any{}).want(http.StatusUnprocessableEntity)
}
