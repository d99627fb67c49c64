package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// Bounds of one step.
const (
	pruneRows       = 1000
	pruneDeliveries = 250
)

// pruner is what Prune remembers between its calls, to go on where it was.
type pruner struct {
	mu      sync.Mutex // Held by the one that works in this process.
	kind    int        // What is looked at; see pruning.run.
	skipped string     // The last partition that was kept because it is needed.
	hidden  string     // The partition whose ids are being removed, up to place.
	place   place
}

// Prune removes some of what is old; see [alma.RetentionStore]. Events and
// attempts go by the day: a partition when all of it is old and nothing in it
// is needed. Attempts that are still needed move to the default partition.
func (s *Store) Prune(ctx context.Context, r alma.Retention) (alma.Pruned, error) {
	if !s.pruner.mu.TryLock() {
		return alma.Pruned{}, nil
	}
	defer s.pruner.mu.Unlock()
	p := pruning{store: s, pruner: &s.pruner, retention: r}
	err := s.do(ctx, "remove what is old", func(ctx context.Context) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		p.conn = conn.Conn()
		var mine bool
		if err := p.conn.QueryRow(ctx, sqlTryPrune).Scan(&mine); err != nil || !mine {
			return err
		}
		err = p.run(ctx)
		if code(err) == codeLockTimeout { // Somebody is busy there: another time.
			p.done.More, err = false, nil
		}
		_, unlocked := p.conn.Exec(ctx, sqlEndPrune)
		return errors.Join(err, unlocked)
	})
	if err != nil {
		return alma.Pruned{}, err
	}
	return p.done, nil
}

// pruning is one step.
type pruning struct {
	*pruner
	store     *Store
	conn      *pgx.Conn
	retention alma.Retention
	done      alma.Pruned
}

// run removes some of what the present kind has, and goes on to the next kind
// when there is no more.
func (p *pruning) run(ctx context.Context) error {
	kinds := []func(context.Context) error{p.attempts, p.strayAttempts, p.deliveries, p.strayEvents, p.events, p.hiddenEvents, p.replays, p.audit}
	for p.kind < len(kinds) {
		if err := kinds[p.kind](ctx); err != nil || p.done.More {
			return err
		}
		p.kind, p.skipped = p.kind+1, ""
	}
	p.kind = 0
	return nil
}

// within fills the name of a partition into a statement.
func within(statement, partition string) string {
	return strings.ReplaceAll(statement, "{partition}", pgx.Identifier{partition}.Sanitize())
}

// oldest returns the oldest partition of a table whose day is over before a
// time, other than those that were skipped. It returns "" when there is none.
func (p *pruning) oldest(ctx context.Context, table string, before time.Time) (string, error) {
	if before.IsZero() {
		return "", nil
	}
	rows, err := p.conn.Query(ctx, sqlOldPartitions, table, day(before).Format("20060102"))
	if err != nil {
		return "", err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		if name > p.skipped {
			return name, err
		}
	}
	return "", err
}

// step runs f in a transaction that gives up soon when it has to wait.
func (p *pruning) step(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, p.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlSoonLocks); err != nil {
			return err
		}
		return f(tx)
	})
}

// execAll runs statements without parameters.
func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// attempts removes the oldest partition of attempts. Those of webhooks that
// have not come past their events are kept, and there are few of them.
func (p *pruning) attempts(ctx context.Context) error {
	name, err := p.oldest(ctx, "alma_attempts", p.retention.Attempts)
	if err != nil || name == "" {
		return err
	}
	return p.step(ctx, func(tx pgx.Tx) error {
		if err := execAll(ctx, tx, sqlHoldAttempts, within(sqlDetachAttempts, name)); err != nil {
			return err
		}
		var all int64
		if err := tx.QueryRow(ctx, within(sqlCountAttempts, name)).Scan(&all); err != nil {
			return err
		}
		kept, err := tx.Exec(ctx, within(sqlSaveAttempts, name))
		if err != nil {
			return err
		}
		p.done.Attempts, p.done.More = all-kept.RowsAffected(), true
		return execAll(ctx, tx, within(sqlDrop, name))
	})
}

// strayAttempts removes old attempts that stand in the default partition.
func (p *pruning) strayAttempts(ctx context.Context) error {
	if p.retention.Attempts.IsZero() {
		return nil
	}
	tag, err := p.conn.Exec(ctx, sqlDropStrayAttempts, p.retention.Attempts, pruneRows)
	p.done.Attempts = tag.RowsAffected()
	p.done.More = tag.RowsAffected() == pruneRows
	return err
}

func (p *pruning) deliveries(ctx context.Context) error {
	if p.retention.Deliveries.IsZero() {
		return nil
	}
	var last place
	err := p.conn.QueryRow(ctx, sqlLastUntil, p.retention.Deliveries).Scan(&last.xact, &last.seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	var looked int64
	err = p.conn.QueryRow(ctx, sqlDropDeliveries, p.retention.Deliveries, last.xact, last.seq, pruneDeliveries).Scan(&p.done.Deliveries, &looked)
	p.done.More = looked == pruneDeliveries
	return err
}

func (p *pruning) replays(ctx context.Context) error {
	if p.retention.Deliveries.IsZero() {
		return nil
	}
	tag, err := p.conn.Exec(ctx, sqlDropReplays, p.retention.Deliveries, pruneRows)
	p.done.Replays = tag.RowsAffected()
	p.done.More = tag.RowsAffected() == pruneRows
	return err
}

func (p *pruning) audit(ctx context.Context) error {
	if p.retention.Audit.IsZero() {
		return nil
	}
	tag, err := p.conn.Exec(ctx, sqlDropAudit, p.retention.Audit, pruneRows)
	p.done.Audit = tag.RowsAffected()
	p.done.More = tag.RowsAffected() == pruneRows
	return err
}
