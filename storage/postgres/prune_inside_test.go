package postgres

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// TestPruneLockEndsWithItsCaller: a caller whose context ends at the worst
// moment leaves nothing behind that keeps others from pruning.
func TestPruneLockEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	s := openInside(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.alone(ctx, func(*pgx.Conn) error {
		cancel()
		return ctx.Err()
	})
	if err == nil {
		t.Fatal("the end of the context is not told")
	}
	other, err := Open(context.Background(), s.pool.Config().ConnString(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	worked := false
	if err := other.alone(t.Context(), func(*pgx.Conn) error { worked = true; return nil }); err != nil || !worked {
		t.Errorf("another process cannot prune: %v", err)
	}
}

// TestPendingOfOtherDaysIsNotLookedAt: whether a day is needed is found out
// without a look at each of many pending deliveries.
func TestPendingOfOtherDaysIsNotLookedAt(t *testing.T) {
	t.Parallel()
	s := openInside(t, Options{})
	a, err := s.Append(t.Context(), []alma.Event{prepared(t, "a")})
	if err != nil {
		t.Fatal(err)
	}
	at := placeOf(a[0].Position)
	if _, err := s.pool.Exec(t.Context(), `INSERT INTO alma_exceptions (webhook, xact, seq, status) SELECT 1, $1, n, 'PENDING' FROM generate_series(1, 20000) AS n`, at.xact+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(t.Context(), `ANALYZE alma_exceptions`); err != nil {
		t.Fatal(err)
	}
	statement := within(sqlIsNeeded, partitionName("alma_events", day(time.Now().UTC())))
	statement = strings.NewReplacer("$1", strconv.FormatInt(at.xact+2, 10), "$2", "1").Replace(statement)
	rows, err := s.pool.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING off) "+statement)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`Buffers: shared hit=(\d+)`).FindStringSubmatch(strings.Join(plan, "\n"))
	if m == nil {
		t.Fatalf("no buffers in:\n%s", strings.Join(plan, "\n"))
	}
	if pages, err := strconv.Atoi(m[1]); err != nil || pages > 50 {
		t.Errorf("%d pages were read, %v:\n%s", pages, err, strings.Join(plan, "\n"))
	}
}
