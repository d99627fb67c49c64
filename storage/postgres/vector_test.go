package postgres

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

// standIn gives a database that lacks pgvector a type and an operator of the
// same names, that do the same.
const standIn = `
	CREATE DOMAIN vector AS real[];
	CREATE FUNCTION cosine_distance(a real[], b real[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS
		$$ SELECT 1 - sum(x::float8 * y) / nullif(sqrt(sum(x::float8 * x)) * sqrt(sum(y::float8 * y)), 0) FROM unnest(a, b) AS u(x, y) $$;
	CREATE OPERATOR <=> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = cosine_distance);`

// TestNearestByTheServer finds what this process would find by itself.
func TestNearestByTheServer(t *testing.T) {
	t.Parallel()
	s := openInside(t, Options{})
	if _, err := s.pool.Exec(t.Context(), "CREATE EXTENSION vector"); err != nil {
		if os.Getenv("ALMA_TEST_PGVECTOR") != "" {
			t.Fatalf("pgvector is installed and cannot be used: %v", err)
		}
		t.Logf("NOT TESTED with pgvector, which the server lacks (%v); a stand-in takes its place", err)
		if _, err := s.pool.Exec(t.Context(), standIn); err != nil {
			t.Fatal(err)
		}
	} else if err := s.lookOver(t.Context()); err != nil || !s.vector.Load() {
		t.Fatalf("pgvector is not noticed: %v", err)
	}
	var changes []alma.MemoryChange
	add := func(id string, v ...float32) {
		changes = append(changes, alma.MemoryChange{Memory: alma.Memory{
			ID: id, Type: alma.TypeHeuristic, Data: []byte(`{"strategy":"x"}`), Version: 1, CreatedAt: time.Now(), UpdatedAt: time.Now(), Embedding: v,
		}})
	}
	for i := range 30 {
		angle := float64(i) / 10
		add(fmt.Sprintf("m%02d", i), float32(math.Cos(angle)), float32(math.Sin(angle)), 0.5)
	}
	add("other length", 1, 0)
	add("no length", 0, 0, 0)
	add("none")
	if _, err := s.ApplyMemories(t.Context(), changes, nil); err != nil {
		t.Fatal(err)
	}
	q := alma.MemorySearch{Embedding: []float32{1, 0.2, 0.1}, Limit: 12}
	s.vector.Store(false)
	want, err := s.nearest(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	s.vector.Store(true)
	got, err := s.nearest(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("the server finds %d, this process %d", len(got), len(want))
	}
	for i := range want {
		if got[i].id != want[i].id || math.Abs(got[i].cosine-want[i].cosine) > 1e-5 {
			t.Errorf("rank %d: the server finds %+v, this process %+v", i, got[i], want[i])
		}
	}
	if list, err := s.SearchMemories(t.Context(), q); err != nil || len(list) != 12 || list[0].ID != want[0].id {
		t.Errorf("a search finds %d memories, %v", len(list), err)
	}
}
