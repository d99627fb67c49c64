package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
	if s.folder, err = os.MkdirTemp("", "alma-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	if err := give(s.folder); err != nil {
		return nil, err
	}
	init := exec.Command(filepath.Join(s.programs, "initdb"), "-D", s.data(), "-U", "alma", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions") //nolint:gosec // The programs were found by us.
	init.Dir = s.folder
	if err := prepare(init); err != nil {
		return nil, err
	}
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.choosePort()
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
