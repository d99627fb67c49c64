//go:build unix

package pgtest

import (
	"context"
	"errors"
	"os"

	"github.com/jackc/pgx/v5"
)

// Freeze stops all processes of the server where they are, until Thaw: its
// connections stay, new ones are taken by the kernel, and nothing is answered.
func (s *Server) Freeze() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.PgConn().Conn().Close() // It would not answer to a farewell.
	// The first process makes the others: without it there come no more.
	if err := s.running.handle.Signal(signalFreeze); err != nil {
		return err
	}
	s.frozen = []*os.Process{s.running.handle}
	rows, err := conn.Query(ctx, "SELECT pid FROM pg_stat_activity")
	if err != nil {
		return err
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	for _, pid := range pids {
		child, notFound := os.FindProcess(pid)
		if notFound == nil {
			notFound = child.Signal(signalFreeze)
		}
		if notFound == nil {
			s.frozen = append(s.frozen, child)
		}
	}
	return err
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error {
	var errs []error
	for _, p := range s.frozen {
		if err := p.Signal(signalThaw); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
	}
	s.frozen = nil
	return errors.Join(errs...)
}
