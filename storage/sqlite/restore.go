package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// RestoreGap is how many positions [Restore] leaves out behind the newest event
// of a backup. The log went on after the backup, and its positions were seen:
// they are parts of the ids of deliveries, and what clients of the event stream
// go on from. A hundred million are a day of 1,150 events a second.
const RestoreGap = 100_000_000

// Restore makes a database of a backup, in a new file. It checks the backup
// first: its integrity, and that its schema is one this program knows. The
// target must not exist ([os.ErrExist]), and no Store may have it open
// ([alma.ErrConflict]). The backup itself is not changed. progress may be nil.
//
// Positions never come back: the first event that the restored log takes stands
// RestoreGap positions behind its last one. Webhooks go on from where they were
// at the time of the backup, so what they were sent since then and the backup
// holds is sent again, under the same event ids.
func Restore(ctx context.Context, from, to string, progress Progress) (out Copied, err error) {
	full, err := resolvePath(to)
	if err != nil {
		return Copied{}, err
	}
	lock, err := acquireLock(full)
	if err != nil {
		return Copied{}, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := mustBeNew(full); err != nil {
		return Copied{}, fmt.Errorf("alma: restore: %w", err)
	}
	if err := withDatabase(ctx, from, modeReadOnly, checkIntegrity); err != nil {
		return Copied{}, fmt.Errorf("alma: restore from %s: %w", from, openError(from, err))
	}
	out, err = copyDatabase(ctx, from, full, progress, func(ctx context.Context, name string) error {
		return withDatabase(ctx, name, modeReadWrite, skipPositions)
	})
	if err != nil {
		return Copied{}, fmt.Errorf("alma: restore from %s: %w", from, err)
	}
	return out, nil
}

// skipPositions leaves the positions out that may have been given.
func skipPositions(ctx context.Context, conn *sql.Conn) error {
	result, err := conn.ExecContext(ctx, sqlSkipPositions, RestoreGap)
	if err != nil {
		return fmt.Errorf("skip positions: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err //nolint:wrapcheck // The driver never fails here.
	}
	if _, err := conn.ExecContext(ctx, sqlBeginPositions, RestoreGap); err != nil {
		return fmt.Errorf("skip positions: %w", err)
	}
	return nil
}
