// Command postgrestransaction puts an event into the same PostgreSQL
// transaction as the change that it tells of, and follows the log as other
// processes do: what rolls back was never seen.
//
//	ALMA_DB=postgres://alma:secret@localhost/alma go run ./examples/postgrestransaction
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Getenv("ALMA_DB")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	store, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	if _, err := store.Pool().Exec(ctx, `CREATE TABLE IF NOT EXISTS orders (article text, total numeric)`); err != nil {
		return err
	}
	from, err := store.Horizon(ctx) // What was there before does not concern us.
	if err != nil {
		return err
	}
	if err := order(ctx, store, "teapot", 24); err != nil {
		return err
	}
	if err := order(ctx, store, "anchor", -1); err != nil {
		fmt.Fprintln(out, "refused:", err)
	}
	if err := order(ctx, store, "kettle", 39); err != nil {
		return err
	}
	return follow(ctx, out, store, from, 2)
}

// order stores an order and the event about it: both, or neither.
func order(ctx context.Context, store *postgres.Store, article string, total int) error {
	return pgx.BeginFunc(ctx, store.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO orders VALUES ($1, $2)`, article, total); err != nil {
			return err
		}
		data, err := json.Marshal(map[string]any{"article": article, "total": total})
		if err != nil {
			return err
		}
		event := alma.Event{Type: "ORDER_PLACED", MemoryID: article, Data: data}
		if err := event.Prepare(time.Now()); err != nil {
			return err
		}
		if _, err := store.AppendTx(ctx, tx, event); err != nil {
			return err
		}
		if total < 0 {
			return errors.New("a negative total") // Takes row and event back.
		}
		return nil
	})
}

// follow prints the next n events, as soon as they can be read.
func follow(ctx context.Context, out io.Writer, store *postgres.Store, at alma.Position, n int) error {
	grown := store.Watch(ctx) // Before the first read: nothing falls between.
	for n > 0 {
		page, err := store.Read(ctx, at, 100)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			fmt.Fprintf(out, "in the log: %s %s\n", e.Type, e.Data)
		}
		at, n = page.Next, n-len(page.Events)
		if n <= 0 {
			break
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
