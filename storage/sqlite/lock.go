package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alma-events/alma"
)

// errLocked is what lockFile returns when another holder has the lock.
var errLocked = errors.New("locked")

// fileLock keeps a second process (or a second Open) away from a database
// while it is open. The operating system drops it when the process dies,
// however it dies. The file itself stays: removing it would let two processes
// hold locks on two files of one name.
type fileLock struct{ file *os.File }

// acquireLock locks "<path>.lock".
func acquireLock(path string) (*fileLock, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // The operator names the database.
	if err != nil {
		return nil, fmt.Errorf("alma: open %s: cannot make its lock file: %w; the folder must exist and be writable for this user", path, err)
	}
	switch err := lockFile(f); {
	case errors.Is(err, errLocked):
		err = fmt.Errorf("alma: open %s: %w: another alma process has this database open (it holds %s); stop it, or give this one another file", path, alma.ErrConflict, name)
		return nil, errors.Join(err, f.Close())
	case err != nil:
		err = fmt.Errorf("alma: open %s: cannot lock %s: %w; the file system must support locks", path, name, err)
		return nil, errors.Join(err, f.Close())
	}
	return &fileLock{file: f}, nil
}

// release gives the lock up. A nil lock, that of an in-memory database, has
// nothing to give up.
func (l *fileLock) release() error {
	if l == nil {
		return nil
	}
	return errors.Join(unlockFile(l.file), l.file.Close())
}

// resolvePath returns the one true name of a file, so that two names of it
// mean one lock.
func resolvePath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("alma: open %s: %w", path, err)
	}
	if target, err := filepath.EvalSymlinks(abs); err == nil {
		return target, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil { // The file is yet to be made.
		return filepath.Join(dir, filepath.Base(abs)), nil
	}
	return abs, nil
}

// createPrivate makes a missing database file readable by its owner alone: it
// will hold secrets. SQLite gives its other files the same permissions. A file
// that exists is left alone, for to open and close it here would drop the
// locks that a host program's own connections to it hold.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // The operator names the database.
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("alma: open %s: %w", path, err)
	}
	return f.Close()
}
