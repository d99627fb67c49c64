package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// vacuumBytes is the size up to which a purge, or the sealing of secrets, writes the file anew: the writer
// waits for it, no longer than Options.LockTimeout.
const vacuumBytes = 256 << 20

// scrubbing are the commands of a connection that writes the file anew. The
// copy is made in a file: in memory it would take as much as the database has.
var scrubbing = []string{"PRAGMA temp_store = FILE", "PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "PRAGMA temp_store = MEMORY"}

// scrub removes what erased content has left in the free parts of pages and in
// SQLite's log. It says what remains when it cannot: a host's transaction or a
// long reader may be in the way.
func (s *Store) scrub(ctx context.Context) (remains string, err error) {
	if s.path == "" {
		return "", nil
	}
	conn, err := s.host.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var size, unused int64
	if err := conn.QueryRowContext(ctx, sqlSize).Scan(&size, &unused); err != nil {
		return "", err
	}
	if size-unused > vacuumBytes {
		remains = fmt.Sprintf("parts of what was erased may stay in the free space of pages until the file, which has more than %d MiB, is written anew (VACUUM)", vacuumBytes>>20)
	} else if err := writeAnew(ctx, conn); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		remains = "parts of what was erased may stay in the free space of pages until the file is written anew (VACUUM), which failed now: " + err.Error()
	}
	var busy, pages, moved int
	if err := conn.QueryRowContext(ctx, sqlCheckpoint).Scan(&busy, &pages, &moved); err != nil || busy != 0 {
		remains = join(remains, "erased content stays in SQLite's write-ahead log until its next checkpoint: now the log was in use")
	}
	if remains != "" {
		s.log.Warn("alma: storage: could not remove every trace of erased content", "remains", remains)
	}
	return remains, ctx.Err()
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func writeAnew(ctx context.Context, conn *sql.Conn) error {
	for _, text := range scrubbing {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}
