package postgres

import (
	"context"
	"errors"
	"slices"
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
	hidden  int64      // The table whose ids are being removed, up to place: its oid.
	place   place
	keeping keeping // What is kept of the oldest day of attempts.
}

// Prune removes some of what is old; see [alma.RetentionStore]. Events and
// attempts go by the day: a partition when all of it is old and nothing in it
// is needed. Of attempts that are still needed the fact is kept, and not what
// was exchanged. Appends and settles wait for none of it, but for the moment in
// which a partition leaves its table.
func (s *Store) Prune(ctx context.Context, r alma.Retention) (alma.Pruned, error) {
	if !s.pruner.mu.TryLock() {
		return alma.Pruned{}, nil
	}
	defer s.pruner.mu.Unlock()
	p := pruning{store: s, pruner: &s.pruner, retention: r}
	err := s.do(ctx, "remove what is old", func(ctx context.Context) error {
		return s.alone(ctx, func(conn *pgx.Conn) error {
			p.conn = conn
			err := p.run(ctx)
			if code(err) == codeLockTimeout { // Somebody is busy there: another time.
				p.done.More, err = false, nil
			}
			return err
		})
	})
	if err != nil {
		return alma.Pruned{}, err
	}
	return p.done, nil
}

// alone runs f unless another process prunes.
func (s *Store) alone(ctx context.Context, f func(conn *pgx.Conn) error) (err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, sqlTryPrune).Scan(&mine); err != nil || !mine {
		return err
	}
	defer func() { err = errors.Join(err, endPrune(conn.Conn())) }()
	return f(conn.Conn())
}

// endPrune lets others prune, whatever became of the caller's context: on a
// connection that goes back to the pool the lock would stay for ever. One that
// cannot give it back is closed, which does.
func endPrune(conn *pgx.Conn) error {
	if conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, sqlEndPrune); err != nil {
		return errors.Join(err, hangUp(conn))
	}
	return nil
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
// when there is no more. After a failure it begins anew.
//
// Days that left their tables go before others leave as well as after that: one
// that was left behind has the name that its day would get if it were there
// once more.
func (p *pruning) run(ctx context.Context) error {
	kinds := []func(context.Context) error{
		p.hiddenAttempts, p.attempts, p.hiddenAttempts, p.restAttempts, p.strayAttempts, p.deliveries,
		p.hiddenEvents, p.strayEvents, p.events, p.hiddenEvents, p.replays, p.audit,
	}
	for p.kind < len(kinds) {
		if err := kinds[p.kind](ctx); err != nil {
			p.kind, p.skipped = 0, ""
			return err
		}
		if p.done.More {
			return nil
		}
		p.kind, p.skipped = p.kind+1, ""
	}
	p.kind = 0
	return nil
}

// within fills the name of a partition into a statement, and then what else is
// given: names in braces, each with its value.
func within(statement, partition string, more ...string) string {
	pairs := []string{"{partition}", pgx.Identifier{partition}.Sanitize()}
	for pair := range slices.Chunk(more, 2) {
		pairs = append(pairs, pair[0], pgx.Identifier{pair[1]}.Sanitize())
	}
	return strings.NewReplacer(pairs...).Replace(statement)
}

// making fills the name of a new table into a statement: it comes into the schema
// of the others, whichever is the first now.
func (p *pruning) making(statement, table string) string {
	return strings.ReplaceAll(statement, "{partition}", pgx.Identifier{p.store.ours.schema, table}.Sanitize())
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

// step runs f in a transaction that waits for nobody for long.
func (p *pruning) step(ctx context.Context, f func(tx pgx.Tx) error) error {
	return soon(ctx, p.conn, f)
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
