package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// refusal is a reason not to use a database that the server itself would not
// give, or not as clearly.
type refusal string

func (r refusal) Error() string { return string(r) }

// serverInfo is what a server says of itself.
type serverInfo struct {
	number   int
	version  string
	standby  bool
	readOnly bool
	encoding string
	schema   string
	user     string
	database string
}

func (i *serverInfo) read(ctx context.Context, q queryer) error {
	return q.QueryRow(ctx, sqlServer).Scan(&i.number, &i.version, &i.standby, &i.readOnly, &i.encoding, &i.schema, &i.user, &i.database)
}

// check returns why the server cannot be used.
func (i *serverInfo) check() error {
	switch {
	case i.number < oldest:
		return refusal(fmt.Sprintf("the server is PostgreSQL %s; version 14 or newer is needed", i.version))
	case i.standby:
		return refusal("the server is a standby and takes no writes; give the address of the primary, or several hosts and target_session_attrs=read-write")
	case i.readOnly:
		return refusal("the server is read-only by default_transaction_read_only; turn that off for this user or database, or give another server")
	case i.encoding != "UTF8":
		return refusal(fmt.Sprintf("the database is encoded in %s; make one with ENCODING 'UTF8'", i.encoding))
	case i.schema == "":
		return refusal("no schema of the search_path exists; make the one that is named there, or name another by ?search_path=… in the URL")
	default:
		return nil
	}
}

func checkRights(ctx context.Context, q queryer) error {
	var missing string
	err := q.QueryRow(ctx, sqlMissingRights).Scan(&missing)
	if err == nil && missing != "" {
		err = refusal("the user may not read and write the tables " + missing + ": connect as the user that made them, who also makes the partitions of each day")
	}
	return err
}

// openError says in plain words why a database cannot be used.
func openError(name string, config *pgx.ConnConfig, err error) error {
	var newer *newerError
	var refused refusal
	var key *keyError
	if errors.As(err, &refused) || errors.As(err, &newer) || errors.As(err, &key) {
		return fmt.Errorf("alma: open %s: %w", name, err)
	}
	var held *heldError
	if errors.As(err, &held) {
		return wrap("open "+name, err)
	}
	advice := ""
	switch code(err) {
	case "28P01", "28000":
		advice = "the server refuses the user: check user name and password, and the server's pg_hba.conf"
	case "3D000":
		advice = fmt.Sprintf("there is no database %q: make it (createdb), or name another", config.Database)
	case codeNoRight:
		advice = "the user lacks rights: it must be allowed to create tables in the schema (GRANT CREATE ON SCHEMA … TO …), or name a schema of its own by ?search_path=…"
	case codeReadOnly:
		advice = "the server is read-only; give the address of a server that takes writes"
	case "":
		if broken(err) {
			advice = "the server cannot be reached: check that it runs, and the host and port"
		}
	}
	if advice == "" {
		return wrap("open "+name, err)
	}
	return wrap("open "+name, &advisedError{advice: advice, err: err})
}

// advisedError says what to do about an error. What the driver tried on its
// way (each address, with and without TLS) is brought into one line.
type advisedError struct {
	advice string
	err    error
}

func (e *advisedError) Error() string {
	var reasons []string
	for line := range strings.Lines(e.err.Error()) {
		line = strings.TrimSpace(line)
		if line = strings.TrimSuffix(line, ":"); line != "" && !slices.Contains(reasons, line) {
			reasons = append(reasons, line)
		}
	}
	return e.advice + " (" + strings.Join(reasons, "; ") + ")"
}

func (e *advisedError) Unwrap() error { return e.err }
