package postgres_test

import (
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// TestPurgeForgetsManyAnswers: answers are forgotten some at a time, and all of
// them go; the calls stay claimed.
func TestPurgeForgetsManyAnswers(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	s := openURL(t, db, postgres.Options{})
	exec(t, s.Pool(), `INSERT INTO alma_calls (id, request, answer) SELECT 'call-' || n, 'hash', CASE WHEN n % 5 > 0 THEN 'answered'::bytea END FROM generate_series(1, 3500) AS n`)
	for at := ""; ; {
		p, err := s.Purge(t.Context(), alma.PurgeQuery{MemoryID: "m"}, at)
		if err != nil {
			t.Fatal(err)
		}
		if at = p.Next; at == "" {
			break
		}
	}
	if n := count(t, db, `SELECT count(*) FROM alma_calls WHERE answer IS NOT NULL`); n != 0 {
		t.Errorf("%d answers are still there", n)
	}
	if n := count(t, db, `SELECT count(*) FROM alma_calls`); n != 3500 {
		t.Errorf("%d of 3500 calls are still claimed", n)
	}
}
