package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

// Bounds of one step: the writer serves everybody, and comes to the others
// between two steps.
const (
	pruneRows   = 1000
	pruneEvents = 250
)

// pruner is what Prune remembers between its calls.
type pruner struct {
	mu    sync.Mutex // Held by the one that works.
	place prunePlace
}

// prunePlace is how far a round has come.
type prunePlace struct {
	kind     int         // What is looked at; see pruning.run.
	attempts deliveryRow // The last attempt that was looked at.
}

// Prune removes some of what is old; see [alma.RetentionStore]. One call takes
// one transaction of at most about 1,000 rows.
func (s *Store) Prune(ctx context.Context, r alma.Retention) (alma.Pruned, error) {
	if !s.pruner.mu.TryLock() {
		return alma.Pruned{}, nil
	}
	defer s.pruner.mu.Unlock()
	const operation = "remove what is old"
	var limits pruneLimits
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) (err error) {
		limits, err = readPruneLimits(ctx, q, &r)
		return err
	})
	if err != nil {
		return alma.Pruned{}, err
	}
	var done alma.Pruned
	var place prunePlace
	err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) (err error) {
		p := pruning{txn: t, ctx: ctx, limits: limits, place: s.pruner.place}
		p.run()
		done, place = p.done, p.place
		return p.err
	}})
	if err != nil {
		return alma.Pruned{}, err
	}
	s.pruner.place = place
	return done, nil
}

// pruneLimits are times as places in the log; 0 keeps all.
type pruneLimits struct {
	events, deliveries int64
	// Attempts that began before attemptsAt belong to events up to attempts.
	attempts, attemptsAt int64
	replays              int64
	audit                int64 // A time.
}

func readPruneLimits(ctx context.Context, q *statements, r *alma.Retention) (pruneLimits, error) {
	l := pruneLimits{attemptsAt: nanos(r.Attempts), replays: nanos(r.Deliveries), audit: nanos(r.Audit)}
	for _, p := range []struct {
		place *int64
		time  time.Time
	}{{&l.events, r.Events}, {&l.deliveries, r.Deliveries}, {&l.attempts, r.Attempts}} {
		if p.time.IsZero() {
			continue
		}
		seq, err := seekTime(ctx, q, p.time)
		if err != nil {
			return pruneLimits{}, err
		}
		*p.place = seq - 1
	}
	return l, nil
}

// pruning is one step. After the first error its methods do nothing.
type pruning struct {
	*txn
	ctx    context.Context // Lives as long as the one call that made it.
	limits pruneLimits
	place  prunePlace
	done   alma.Pruned
	err    error
}

// run removes some of what the present kind has, and goes on to the next kind
// when there is no more.
func (p *pruning) run() {
	kinds := []func(){p.attempts, p.deliveries, p.events, p.replays, p.audit, p.pages}
	for p.place.kind < len(kinds) {
		if kinds[p.place.kind](); p.err != nil || p.done.More {
			return
		}
		p.place.kind++
	}
	p.place = prunePlace{}
}

func (p *pruning) exec(query string, args ...any) int64 {
	if p.err != nil {
		return 0
	}
	n, err := p.txn.exec(p.ctx, query, args...)
	p.err = err
	return n
}

// keys gathers rows of whole numbers.
func (p *pruning) keys(columns int, query string, args ...any) [][]int64 {
	if p.err != nil {
		return nil
	}
	var out [][]int64
	p.err = p.query(p.ctx, func(rows *sql.Rows) error {
		row, dest := make([]int64, columns), make([]any, columns)
		for i := range row {
			dest[i] = &row[i]
		}
		out = append(out, row)
		return rows.Scan(dest...)
	}, query, args...)
	return out
}

func jsonRows(rows [][]int64) string {
	b, _ := json.Marshal(rows) //nolint:errchkjson // Numbers always marshal.
	return string(b)
}
