package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alma-events/alma"
)

var _ alma.NodeStore = (*Store)(nil)

// JoinNode begins a session; see [alma.NodeStore].
func (s *Store) JoinNode(ctx context.Context, name string, lease time.Duration) (alma.Session, error) {
	const operation = "join the nodes"
	if lease <= 0 {
		var f alma.Faults
		f.Addf("lease", "is %v; want a duration such as 10s", lease)
		return alma.Session{}, wrap(operation, f.Err())
	}
	session := alma.Session{Node: newSessionID()}
	err := s.member(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(sqlEndIdle)
		b.Queue(sqlForgetOld)
		b.Queue(sqlInsertNode, session.Node, plain(name), lease).QueryRow(func(row pgx.Row) error { return row.Scan(&session.Revision) })
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return alma.Session{}, err
	}
	return session, nil
}

func newSessionID() string {
	var b [12]byte
	rand.Read(b[:]) // It never fails: it ends the program instead.
	return "node_" + hex.EncodeToString(b[:])
}

// member runs a change of sessions or owners. One runs at a time.
func (s *Store) member(ctx context.Context, operation string, f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockMembership); err != nil {
			return err
		}
		return f(ctx, tx)
	})
}

// RenewNode extends the lease; see [alma.NodeStore].
func (s *Store) RenewNode(ctx context.Context, node string) (alma.Cluster, error) {
	var c alma.Cluster
	err := s.do(ctx, "renew the lease", func(ctx context.Context) error {
		c = alma.Cluster{}
		b := &pgx.Batch{}
		b.Queue(sqlRenewNode, node).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return alma.ErrFenced
			}
			return nil
		})
		b.Queue(sqlNodes).Query(func(rows pgx.Rows) (err error) {
			c.Nodes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n alma.NodeInfo, err error) {
				err = row.Scan(&n.ID, &n.Name, &n.JoinedAt, &n.Expired)
				n.JoinedAt = n.JoinedAt.UTC()
				return n, err
			})
			return err
		})
		b.Queue(sqlOwners).Query(func(rows pgx.Rows) error { return collectOwners(rows, &c.Owners) })
		return s.leases.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return alma.Cluster{}, err
	}
	return c, nil
}

func collectOwners(rows pgx.Rows, owners *[alma.Slots]string) error {
	var node string
	var slots []int16
	_, err := pgx.ForEachRow(rows, []any{&node, &slots}, func() error {
		for _, slot := range slots {
			owners[slot] = node
		}
		return nil
	})
	return err
}

// LeaveNode ends a session and frees its slots; see [alma.NodeStore].
func (s *Store) LeaveNode(ctx context.Context, node string) error {
	err := s.member(ctx, "leave the nodes", func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(sqlEndNode, node)
		b.Queue(sqlFreeSlots, []string{node}, nil)
		b.Queue(sqlNotify, s.changeChannel())
		return tx.SendBatch(ctx, b).Close()
	})
	if err == nil {
		s.changes.signal()
	}
	return err
}

// keepNode makes sure that a session goes on until the transaction commits.
func keepNode(ctx context.Context, tx pgx.Tx, node string) error {
	err := tx.QueryRow(ctx, sqlKeepNode, node).Scan()
	if errors.Is(err, pgx.ErrNoRows) {
		return alma.ErrFenced
	}
	return err
}

// WatchNodes returns a channel that receives a value soon after webhooks
// changed, or slots became free; see [alma.NodeStore]. It is never closed.
func (s *Store) WatchNodes(ctx context.Context) <-chan struct{} {
	c := s.changes.watch(ctx)
	s.bell.listen()
	return c
}
