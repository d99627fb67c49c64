package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// writePrivate writes a file that only its owner can read, all or nothing.
func writePrivate(name, content string) error {
	return putPrivate(name, content, os.Rename)
}

// makePrivate is writePrivate for a file that must not exist yet: of several
// processes one makes it, the others get os.ErrExist.
func makePrivate(name, content string) error {
	return putPrivate(name, content, putNew)
}

// putNew gives a file a name that none has yet.
func putNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err //nolint:wrapcheck // The caller names the file.
	}
	if _, err := os.Lstat(to); err == nil { // A file system without links: nearly as good.
		return os.ErrExist
	}
	return os.Rename(from, to) //nolint:wrapcheck // As above.
}

// putPrivate writes a file under a name of its own, and then puts it in place.
func putPrivate(name, content string, put func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".alma-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // After a rename it is gone.
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = put(f.Name(), name)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

// syncFolder makes the name of a new file outlive a power failure: what was
// sealed under a key must not outlive the key.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil // Folders cannot be synced there.
	}
	f, err := os.Open(name) //nolint:gosec // The folder of a file that was just written.
	if err != nil {
		return err //nolint:wrapcheck // The caller names the file.
	}
	return errors.Join(f.Sync(), f.Close())
}
