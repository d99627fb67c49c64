package pgtest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	memory = "/dev/shm"
	// enough is how much of it must be free: several test binaries run at once.
	enough = 2 << 30
	// fresh folders may be about to be locked.
	fresh = time.Minute
)

// scratch returns the folder for the data of servers. In memory a database is
// made in a tenth of the time, for each is some hundred files. TMPDIR says
// otherwise.
func scratch() string {
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < enough || syscall.Access(memory, 7) != nil { //nolint:gosec // Sizes.
		return os.TempDir()
	}
	forget(memory)
	return memory
}

// hold marks a folder as one in use for as long as this process lives.
func hold(folder string) (io.Closer, error) {
	f, err := os.Create(filepath.Join(folder, "lock")) //nolint:gosec // A folder of ours.
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// forget removes what processes left behind that were killed: memory is not
// cleaned by anybody else.
func forget(where string) {
	left, _ := filepath.Glob(filepath.Join(where, prefix+"*")) // The pattern is well-formed.
	for _, folder := range left {
		if info, err := os.Stat(folder); err != nil || time.Since(info.ModTime()) < fresh {
			continue
		}
		if f, err := hold(folder); err == nil {
			os.RemoveAll(folder)
			f.Close()
		}
	}
}
