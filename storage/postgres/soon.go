package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long a change of tables waits to be alone with one, how often it tries,
// and the pause between: whoever comes while it waits, waits behind it.
const (
	stepPatience = 100 * time.Millisecond
	stepTries    = 5
	stepPause    = 100 * time.Millisecond
)

// soon runs f in a transaction that gives up soon when it has to wait, and then
// tries again a few times. It begins with some statements that may wait as long
// as any other, for nobody waits behind them.
func soon(ctx context.Context, conn *pgx.Conn, f func(tx pgx.Tx) error, patient ...string) (err error) {
	for try := range stepTries {
		if try > 0 {
			pause(ctx, stepPause)
		}
		begun := false
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := execAll(ctx, tx, patient...); err != nil {
				return err
			}
			begun = true
			if _, err := tx.Exec(ctx, sqlSetLockTimeout, strconv.FormatInt(stepPatience.Milliseconds(), 10)); err != nil {
				return err
			}
			return f(tx)
		})
		if !begun || code(err) != codeLockTimeout {
			return err
		}
	}
	return err
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
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
