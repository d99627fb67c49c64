package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// progressEvery is how often somebody is told of it.
const progressEvery = 200 * time.Millisecond

// copyDatabase copies a database into a file of another name, finishes that,
// and gives it its own name when it is on the disk.
func copyDatabase(ctx context.Context, from, to string, progress Progress, finish func(ctx context.Context, name string) error) (out Copied, err error) {
	part, err := os.CreateTemp(filepath.Dir(to), ".alma-copy-*") // Readable by its owner alone.
	if err != nil {
		return out, fmt.Errorf("cannot write into the folder of %s: %w", to, err)
	}
	name := part.Name()
	defer func() {
		for _, end := range []string{"", "-journal", "-wal", "-shm"} {
			os.Remove(name + end) //nolint:errcheck // What was put in place is gone already.
		}
	}()
	if err := part.Close(); err != nil {
		return out, err //nolint:wrapcheck // It names the file.
	}
	if err := copyInto(ctx, from, name, progress); err != nil {
		return out, err
	}
	if err := finish(ctx, name); err != nil {
		return out, err
	}
	if out, err = describe(ctx, name); err != nil {
		return out, err
	}
	out.Path = to
	return out, putInPlace(name, to)
}

// copyInto makes the copy, and tells how far it is.
func copyInto(ctx context.Context, from, name string, progress Progress) error {
	return withDatabase(ctx, from, modeReadWrite, func(ctx context.Context, conn *sql.Conn) error {
		if _, err := checkSchema(ctx, conn, from); err != nil {
			return err
		}
		var total int64
		if err := conn.QueryRowContext(ctx, sqlUsedBytes).Scan(&total); err != nil {
			return openError(from, err)
		}
		end := watchSize(name, total, progress)
		_, err := conn.ExecContext(ctx, sqlCopyInto, name)
		end()
		if ctx.Err() != nil {
			return ctx.Err() //nolint:wrapcheck // The driver says "interrupted" instead.
		}
		if err != nil {
			return fmt.Errorf("the copy: %w", err)
		}
		return nil
	})
}

// watchSize reports the size of a growing file until its answer is called.
func watchSize(name string, total int64, progress Progress) (end func()) {
	if progress == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				progress(total, total)
				return
			case <-ticker.C:
			}
			if info, err := os.Stat(name); err == nil {
				progress(min(info.Size(), total), total)
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// putInPlace gives a complete file its name, which none may have meanwhile, and
// returns when both are on the disk.
func putInPlace(from, to string) error {
	f, err := os.OpenFile(from, os.O_RDWR, 0) //nolint:gosec // A file that was just written.
	if err != nil {
		return err //nolint:wrapcheck // It names the file.
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(from, to); errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: %w; nothing is overwritten: give another name", to, os.ErrExist)
	} else if err != nil { // A file system without links: nearly as good.
		if _, taken := os.Lstat(to); taken == nil {
			return fmt.Errorf("%s: %w; nothing is overwritten: give another name", to, os.ErrExist)
		}
		if err := os.Rename(from, to); err != nil {
			return err //nolint:wrapcheck // It names the files.
		}
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder makes the name of a new file outlive a power failure.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil // Folders cannot be synced there.
	}
	f, err := os.Open(name) //nolint:gosec // The folder of a file that was just written.
	if err != nil {
		return err //nolint:wrapcheck // It names the folder.
	}
	return errors.Join(f.Sync(), f.Close())
}
