package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Start runs a server of the test's own, until the test ends. Settings are
// those of postgresql.conf, "name=value"; by default nothing waits for the disk.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := start(settings)
	if err != nil {
		missing(t, err)
	}
	t.Cleanup(func() {
		if err := s.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return s
}

// missing ends a test that has no server.
func missing(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errAbsent) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	t.Fatalf("pgtest: %v", err)
}

func start(settings []string) (_ *Server, err error) {
	s := &Server{settings: settings}
	if s.programs, err = programs(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	if err := s.makeFolder(); err != nil {
		return nil, err
	}
	if err := s.initialize(); err != nil {
		return nil, err
	}
	return s, s.choosePort()
}

// pristine is a server that is never started: others begin as copies of it.
var pristine struct {
	sync.Mutex
	server *Server
}

// initialize makes the data of a server.
func (s *Server) initialize() error {
	if copier == "" {
		return s.initdb()
	}
	pristine.Lock()
	defer pristine.Unlock()
	if pristine.server == nil {
		p := &Server{programs: s.programs}
		if err := p.makeFolder(); err != nil {
			return errors.Join(err, p.remove())
		}
		if err := p.initdb(); err != nil {
			return errors.Join(err, p.remove())
		}
		pristine.server = p
	}
	return s.command(copier, "-R", pristine.server.data(), s.data())
}

func (s *Server) initdb() error {
	return s.command(filepath.Join(s.programs, "initdb"), "-D", s.data(), "-U", "alma", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
}

// command runs a program as the server's user.
func (s *Server) command(program string, args ...string) error {
	cmd := exec.Command(program, args...) //nolint:gosec // The programs were found by us.
	cmd.Dir = s.folder
	if err := prepare(cmd); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, out)
	}
	return nil
}

// prefix begins the names of folders.
const prefix = "alma-pg-"

func (s *Server) makeFolder() (err error) {
	if s.folder, err = os.MkdirTemp(scratch(), prefix); err != nil {
		return err
	}
	if s.mark, err = hold(s.folder); err != nil {
		return err
	}
	return give(s.folder)
}

// choosePort starts the server on a free port. Somebody else may take the port
// between the look and the start, so a failed start tries another.
func (s *Server) choosePort() (err error) {
	for range 5 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.Restart(); err == nil {
			return nil
		}
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close() //nolint:forcetypeassert // It is TCP.
}
