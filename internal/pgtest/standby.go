package pgtest

import (
	"path/filepath"
	"strconv"
	"testing"
)

// Standby runs a second server that follows this one and takes no writes. It
// needs wal_level=replica.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby := &Server{programs: s.programs, settings: s.settings}
	t.Cleanup(func() {
		if err := standby.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	if err := standby.copyOf(s); err != nil {
		t.Fatalf("pgtest: make a standby: %v", err)
	}
	return standby
}

func (s *Server) copyOf(primary *Server) (err error) {
	if err := s.makeFolder(); err != nil {
		return err
	}
	if err := s.command(filepath.Join(s.programs, "pg_basebackup"), "-h", "127.0.0.1", "-p", strconv.Itoa(primary.port), "-U", "alma", "-D", s.data(), "-R", "-c", "fast", "-X", "stream"); err != nil {
		return err
	}
	return s.choosePort()
}

// Promote ends a standby's following: it takes writes from then on.
func (s *Server) Promote() error {
	return run(s.URL("postgres"), "SELECT pg_promote()")
}

// Unfollow cuts a standby off from what its primary does from now on.
func (s *Server) Unfollow() error {
	for _, statement := range []string{"ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"} {
		if err := run(s.URL("postgres"), statement); err != nil {
			return err
		}
	}
	return nil
}
