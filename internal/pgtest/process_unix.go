//go:build unix

package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// identity is the user that a server runs as. PostgreSQL refuses root, so root
// becomes postgres, or nobody.
func identity() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// prepare makes a command run as the server's user, in a process group of its
// own: an interrupt of the tests is for the tests, which then stop the server.
func prepare(cmd *exec.Cmd) error {
	who, err := identity()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	return err
}

// give hands a folder to the server's user.
func give(folder string) error {
	who, err := identity()
	if err != nil || who == nil {
		return err
	}
	return os.Chown(folder, int(who.Uid), int(who.Gid))
}

// copier copies folders.
const copier = "cp"

// The signals of PostgreSQL's three ways to stop.
const (
	signalFast      = syscall.SIGINT
	signalImmediate = syscall.SIGQUIT
)

const (
	signalFreeze = syscall.SIGSTOP
	signalThaw   = syscall.SIGCONT
)
