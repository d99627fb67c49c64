package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// AppendTx appends prepared events (see [alma.Event.Prepare]) in a transaction
// of the host program, and answers like Append. They become visible when that
// transaction commits, and never were when it rolls back.
//
// The transaction must be one in the store's own database: from [Store.Pool],
// or from a pool of the host's. Keep it short: no event that was appended after
// it began to write, by anybody, is delivered before it ends. An append of the
// same id by somebody else waits for it.
func (s *Store) AppendTx(ctx context.Context, tx pgx.Tx, events ...alma.Event) ([]alma.Appended, error) {
	return s.appendIn(ctx, events, func(n *insertion) error {
		b := &pgx.Batch{}
		n.queue(b, s.appender.statements.insert, s.appender.notBefore())
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return n.locate(ctx, tx, s.appender.statements.places)
	})
}

// AppendSQLTx is AppendTx for a transaction of database/sql, by whatever
// driver for PostgreSQL.
func (s *Store) AppendSQLTx(ctx context.Context, tx *sql.Tx, events ...alma.Event) ([]alma.Appended, error) {
	return s.appendIn(ctx, events, func(n *insertion) error {
		if err := n.insertSQL(ctx, tx, s.appender.statements.insertJSON, s.appender.notBefore()); err != nil {
			return err
		}
		return n.locateSQL(ctx, tx, s.appender.statements.placesJSON)
	})
}

func (s *Store) appendIn(ctx context.Context, events []alma.Event, insert func(*insertion) error) ([]alma.Appended, error) {
	const operation = "append events in a transaction"
	if s.closed.Load() {
		return nil, wrap(operation, alma.ErrClosed)
	}
	if err := ctx.Err(); err != nil || len(events) == 0 {
		return nil, wrap(operation, err)
	}
	n := newInsertion(len(events))
	n.add(events)
	if err := insert(n); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if code(err) == codeNoTable || code(err) == "3F000" {
			err = fmt.Errorf("the transaction is not one in the store's database: %w", err)
		}
		return nil, wrap(operation, err)
	}
	s.hosts.wake()
	return n.answer(events)
}

// insertSQL stores the events through database/sql.
func (n *insertion) insertSQL(ctx context.Context, tx *sql.Tx, statement string, notBefore time.Time) error {
	text, err := n.json()
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, statement, notBefore, text) //nolint:rowserrcheck // note checks it.
	if err != nil {
		return err
	}
	defer rows.Close()
	_, err = n.note(rows, false)
	return err
}

// json returns the events as a list of lists, in the order of the statement.
func (n *insertion) json() (string, error) {
	list := make([][]any, len(n.events))
	for i, e := range n.events {
		var job alma.Job
		if e.Job != nil {
			job = *e.Job
		}
		list[i] = []any{
			e.ID, e.Type, e.MemoryID, e.MemoryType, e.Agent, e.ProjectID, e.Timestamp.Unix(), e.Timestamp.Nanosecond(),
			string(e.Data), job.ID, job.Records, string(e.Envelope), e.Trace,
		}
	}
	b, err := json.Marshal(list)
	return string(b), err
}

func (n *insertion) locateSQL(ctx context.Context, tx *sql.Tx, statement string) error {
	ids := n.known()
	if len(ids) == 0 {
		return nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, statement, string(text)) //nolint:rowserrcheck // noteKnown checks it.
	if err != nil {
		return err
	}
	defer rows.Close()
	return n.noteKnown(rows, len(ids))
}
