package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

type secretCmd struct {
	RotateKey secretRotateCmd `cmd:"" name:"rotate-key" help:"Seal the secrets in the database under another key."`
}

type secretRotateCmd struct{ sealing }

// Help says more than the list of flags.
func (*secretRotateCmd) Help() string {
	return `With an SQLite file whose key is kept in a file: stop the server, and

  alma secret rotate-key --db alma.db

makes a new key, seals everything under it, and leaves the new key alone in the
file. Broken off, it is simply run again: the file holds both keys meanwhile.

With PostgreSQL the servers go on. Restart them one after the other with the
new key in ALMA_SECRET_KEY_FORMER, then with the new one in ALMA_SECRET_KEY and
the former one in ALMA_SECRET_KEY_FORMER; then, with those two variables,

  alma secret rotate-key --db postgres://…

and restart the servers with ALMA_SECRET_KEY alone.`
}

// rekeyer is a store that can seal its secrets anew.
type rekeyer interface {
	Rekey(ctx context.Context) (n int, err error)
}

// Run changes the key.
func (c *secretRotateCmd) Run(ctx context.Context, conn *connection, s *settings, io stdio) error {
	if err := checkDB(conn.DB); err != nil {
		return err
	}
	keys, err := c.keys(conn.DB)
	if err != nil {
		return err
	}
	r := &rotation{db: conn.DB, keys: keys, logLevel: s.LogLevel, io: io}
	if keys.file != "" && !isPostgres(conn.DB) {
		return r.inFile(ctx)
	}
	if len(keys.list) < 2 {
		return usagef("there is nothing to change from: want the new key in ALMA_SECRET_KEY and the former one in ALMA_SECRET_KEY_FORMER; \"alma secret rotate-key --help\" tells the steps")
	}
	n, err := r.seal(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "Sealed the secrets of %d webhooks and sources under the new key; once every server has it as ALMA_SECRET_KEY, the former one is needed no more.\n", n)
	return nil
}

// rotation is one change of keys.
type rotation struct {
	db       string
	keys     secretKeys
	logLevel string
	io       stdio
}

// inFile makes a new key in the file of the keys. At each moment the file holds
// every key that the database needs. It is written only while the database is
// open, for then nobody else, a second rotation for instance, has it open.
func (r *rotation) inFile(ctx context.Context) error {
	young := secret.NewKey()
	if err := r.open(ctx, func(alma.Storage) error { return r.replace(append([][]byte{young}, r.keys.list...)) }); err != nil {
		return r.keys.undo(err)
	}
	n := 0
	err := r.open(ctx, func(store alma.Storage) (err error) {
		if err = r.keys.unchanged(); err != nil {
			return err
		}
		if n, err = rekey(ctx, store); err != nil {
			return err
		}
		return r.replace([][]byte{young})
	})
	if err != nil {
		return fmt.Errorf("%w; %s holds the former keys too, so nothing is lost: run the command again", err, r.keys.file)
	}
	fmt.Fprintf(r.io.out, "Sealed the secrets of %d webhooks and sources under a new key, which is in %s; keep a copy of it. Backups of before need the former key.\n", n, r.keys.file)
	return nil
}

// replace writes other keys into the file.
func (r *rotation) replace(list [][]byte) error {
	if err := r.keys.unchanged(); err != nil {
		return err
	}
	r.keys.list = list
	return r.keys.write()
}

func rekey(ctx context.Context, store alma.Storage) (int, error) {
	return store.(rekeyer).Rekey(ctx) //nolint:forcetypeassert,wrapcheck // Both drivers are one; they name the operation.
}

func (r *rotation) seal(ctx context.Context) (n int, err error) {
	err = r.open(ctx, func(store alma.Storage) error {
		n, err = rekey(ctx, store)
		return err
	})
	return n, err
}

func (r *rotation) open(ctx context.Context, f func(alma.Storage) error) error {
	store, err := openStorage(ctx, r.db, r.keys.list, newLogger(r.io.err, r.logLevel))
	if err != nil {
		return err
	}
	return errors.Join(f(store), store.Close())
}
