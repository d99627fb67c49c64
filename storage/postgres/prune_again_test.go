package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// TestPruneGoesOnWhenTheDayComesAgain: between the moment in which yesterday
// leaves its table and that in which it is dropped, a process starts, which
// makes the days that are missing. Yesterday goes all the same, and so does what
// was made of it again.
func TestPruneGoesOnWhenTheDayComesAgain(t *testing.T) {
	t.Parallel()
	yesterday := time.Now().UTC().AddDate(0, 0, -1)
	for table, r := range map[string]alma.Retention{
		"alma_events":   {Events: time.Now()},
		"alma_attempts": {Attempts: time.Now()},
	} {
		from, to := yesterday.Format(time.DateOnly), time.Now().UTC().Format(time.DateOnly)
		day := table + yesterday.Format("_20060102")
		for between, statements := range map[string][]string{
			"a process starts": nil,
			"one starts that makes the day although it left": {
				`DROP TABLE IF EXISTS ` + day, // This program's, that knows better, made none.
				fmt.Sprintf(`CREATE TABLE %s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')`, day, table, from, to),
			},
		} {
			t.Run(table+", "+between, func(t *testing.T) {
				t.Parallel()
				db := postgres.Tables.Database(t)
				s := openURL(t, db, postgres.Options{})
				const gone = `SELECT count(*) FROM pg_class WHERE relname LIKE 'alma_gone%' AND relkind = 'r'`
				for count(t, db, gone) == 0 {
					if p, err := s.Prune(t.Context(), r); err != nil || !p.More {
						t.Fatalf("%+v, %v", p, err)
					}
				}
				other := openURL(t, db, postgres.Options{})
				for _, statement := range statements {
					exec(t, s.Pool(), statement)
				}
				prune(t, other, r)
				prune(t, s, r) // It stands where it hid the day.
				if n := count(t, db, gone); n != 0 {
					t.Errorf("%d days that left their tables are not dropped", n)
				}
				if n := count(t, db, `SELECT count(*) FROM pg_class WHERE relname = '`+day+`'`); n != 0 {
					t.Error("yesterday is still there")
				}
			})
		}
	}
}
