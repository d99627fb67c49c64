package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alma-events/alma/storage/sqlite"
)

type backupCmd struct {
	File string `arg:"" help:"The new file." placeholder:"FILE"`
	sealing
}

// Help says more than the list of flags.
func (*backupCmd) Help() string {
	return `Copies one moment of the SQLite database that --db names, complete and checked,
beside a server that goes on working. It needs to read the database file, and
no server and no key. Nothing is overwritten. Example:

  alma backup --db alma.db "alma-$(date +%F).db"

Secrets in the copy are sealed. The key, DATABASE.secret-key or ALMA_SECRET_KEY,
is not in it: keep a copy of the key in another place, once.`
}

// Run makes the copy.
func (c *backupCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := refusePostgres(conn.DB); err != nil {
		return err
	}
	bar := &copyBar{out: io.err}
	made, err := sqlite.Backup(ctx, conn.DB, c.File, bar.show)
	bar.clear()
	if err != nil {
		return explainCopy(err)
	}
	fmt.Fprintf(io.out, "Backed up %s to %s: %s.\n", conn.DB, c.File, contents(&made))
	if made.Sealed {
		fmt.Fprintf(io.out, "Secrets in it are sealed under a key that is not in it: keep a copy of %s, apart from the backups.\n", keyPlace(conn.DB, &c.sealing))
	}
	return nil
}

type restoreCmd struct {
	File string `arg:"" help:"The backup." placeholder:"FILE"`
	sealing
}

// Help says more than the list of flags.
func (*restoreCmd) Help() string {
	return `Makes the database that --db names of a backup, which is checked first and not
changed. The database must not exist yet; nothing is overwritten. Example, with
the server stopped:

  mkdir broken && mv alma.db alma.db-wal alma.db-shm broken/
  alma restore --db alma.db alma-2026-01-28.db

The key of the secrets must be where it was, DATABASE.secret-key as a rule. What
to look at before the server is started again stands in docs/operations.md.`
}

// Run makes the database.
func (c *restoreCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	if err := refusePostgres(conn.DB); err != nil {
		return err
	}
	bar := &copyBar{out: io.err}
	made, err := sqlite.Restore(ctx, c.File, conn.DB, bar.show)
	bar.clear()
	if err != nil {
		return explainCopy(err)
	}
	fmt.Fprintf(io.out, "Restored %s from %s: %s.\n", conn.DB, c.File, contents(&made))
	fmt.Fprintln(io.out, "Webhooks go on from the time of the backup: what they were sent since is sent again, under the same event ids. Keys, webhooks and purges are as they were then; look through them.")
	if made.Sealed && !c.given() && missing(conn.DB+".secret-key") {
		fmt.Fprintf(io.out, "Secrets in it are sealed: put the key back into %s before you start the server.\n", conn.DB+".secret-key")
	}
	return nil
}

// refusePostgres names the means of a database that has its own.
func refusePostgres(db string) error {
	if err := checkDB(db); err != nil || !isPostgres(db) {
		return err
	}
	return usagef("PostgreSQL has its own means, which work while servers run: pg_dump --format=custom, and pg_restore into a new database. Start the servers on it as ever: that transaction ids begin anew there is noticed at the start, and positions go on in a new era. Keep ALMA_SECRET_KEY apart from the dumps. See docs/operations.md")
}

// explainCopy says what to do about an error.
func explainCopy(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; nothing was left behind")
	}
	return err
}

func contents(c *sqlite.Copied) string {
	text := fmt.Sprintf("%s, %s (the newest of %s), %s, %s", size(c.Bytes), plural(c.Events, "event"), moment(c.Newest),
		plural(c.Webhooks, "webhook"), plural(c.Pending, "pending deliver"))
	return text + fmt.Sprintf(", schema version %d", c.Schema)
}

// keyPlace names where the key of the secrets is.
func keyPlace(db string, s *sealing) string {
	switch {
	case s.SecretKey != "":
		return "ALMA_SECRET_KEY"
	case s.SecretKeyFile != "":
		return s.SecretKeyFile
	default:
		return db + ".secret-key"
	}
}

func (s *sealing) given() bool { return s.SecretKey != "" || s.SecretKeyFile != "" }

func missing(name string) bool {
	_, err := os.Stat(name)
	return errors.Is(err, os.ErrNotExist)
}

// size prints bytes for people.
func size(n int64) string {
	const unit = 1024
	value, i := float64(n), 0
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	for value >= unit && i < len(units)-1 {
		value, i = value/unit, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}

// copyBar shows how far a copy is, on a terminal only.
type copyBar struct {
	out   io.Writer
	shown bool
}

func (b *copyBar) show(done, total int64) {
	if !isTerminal(b.out) {
		return
	}
	b.shown = true
	fmt.Fprintf(b.out, "\r\x1b[K%s %s of %s", drawBar(float64(done)/float64(max(1, total))), size(done), size(total))
}

func (b *copyBar) clear() {
	if b.shown {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
