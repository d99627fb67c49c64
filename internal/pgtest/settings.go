package pgtest

import (
	"os"
	"path/filepath"
)

// RequirePasswords makes the server ask for passwords from now on.
func (s *Server) RequirePasswords() error {
	file := filepath.Join(s.data(), "pg_hba.conf")
	rules := "host all alma 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return err
	}
	return run(s.URL("postgres"), "SELECT pg_reload_conf()")
}

// Copy dumps a database of this server and restores it, under the same name,
// in another one.
func (s *Server) Copy(database string, to *Server) error {
	if err := run(to.URL("postgres"), "CREATE DATABASE "+database+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return err
	}
	file := filepath.Join(to.folder, database+".dump")
	if err := to.command(filepath.Join(s.programs, "pg_dump"), "--format=custom", "--file="+file, s.URL(database)); err != nil {
		return err
	}
	return to.command(filepath.Join(s.programs, "pg_restore"), "--exit-on-error", "--dbname="+to.URL(database), file)
}
