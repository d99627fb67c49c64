// Command hosttransaction puts an event into the same database transaction as
// the change that it tells of: both are there afterwards, or neither.
//
// It goes beyond the guide, whose callbacks run after a change and can be lost
// with the process. The program's own table lives in Alma's SQLite file; what
// is appended there is delivered to webhooks as soon as the transaction
// commits.
//
//	go run ./examples/hosttransaction
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"net/netip"
	"os"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

func main() {
	if err := run(context.Background(), os.Stdout, "hosttransaction.db"); err != nil {
		log.Fatal(err)
	}
}

const secret = "your-secret-key"

func run(ctx context.Context, out io.Writer, file string) error {
	store, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	shop, err := newShop(ctx, store)
	if err != nil {
		return err
	}
	arrived := make(chan string, 10)
	stop, err := deliver(ctx, store, arrived)
	if stop != nil {
		defer stop()
	}
	if err != nil {
		return err
	}

	if err := shop.order(ctx, "teapot", 24); err != nil {
		return err
	}
	if err := shop.order(ctx, "nothing", 0); !errors.Is(err, errNoTotal) {
		return fmt.Errorf("an order of nothing: %w", err)
	}
	if err := shop.order(ctx, "kettle", 39); err != nil {
		return err
	}
	for range 2 { // The order that was refused left no event.
		select {
		case line := <-arrived:
			fmt.Fprintln(out, "delivered:", line)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// shop is a program with a table of its own.
type shop struct{ store *sqlite.Store }

func newShop(ctx context.Context, store *sqlite.Store) (*shop, error) {
	_, err := store.DB().ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (
		id INTEGER PRIMARY KEY, article TEXT NOT NULL, total INTEGER NOT NULL) STRICT`)
	if err != nil {
		return nil, fmt.Errorf("make the table of orders: %w", err)
	}
	return &shop{store}, nil
}

var errNoTotal = errors.New("an order needs a total")

// order inserts an order and appends its event in one transaction.
func (s *shop) order(ctx context.Context, article string, total int) error {
	tx, err := s.store.DB().BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	defer tx.Rollback() // Without effect after the commit.
	if err := s.insert(ctx, tx, article, total); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	if total == 0 {
		return errNoTotal // Row and event go with the transaction.
	}
	return tx.Commit()
}

func (s *shop) insert(ctx context.Context, tx *sql.Tx, article string, total int) error {
	row, err := tx.ExecContext(ctx, `INSERT INTO orders (article, total) VALUES (?, ?)`, article, total)
	if err != nil {
		return err
	}
	id, err := row.LastInsertId()
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{"article": article, "total": total})
	if err != nil {
		return err
	}
	ev := alma.Event{
		Type: "ORDER_PLACED", MemoryID: fmt.Sprint("order-", id), MemoryType: "order", ProjectID: "shop", Data: data,
	}
	// Prepare fills in what is missing and checks the rest.
	if err := ev.Prepare(time.Now()); err != nil {
		return err
	}
	_, err = s.store.AppendTx(ctx, tx, ev)
	return err
}

// deliver starts a webhook manager on the store, and a listener that tells of
// what arrives.
func deliver(ctx context.Context, store *sqlite.Store, arrived chan<- string) (stop func(), err error) {
	handler, err := receive.New(receive.Config{
		Secrets: []string{secret},
		Handle: func(_ context.Context, ev alma.Event) error {
			arrived <- fmt.Sprint(ev.Type, " ", string(ev.Data))
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	manager, err := webhook.New(webhook.Config{
		Storage: store, Emitter: events.New(events.Config{}),
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		return nil, err
	}
	if err := manager.Start(ctx); err != nil {
		return nil, err
	}
	server := httptest.NewServer(handler) // Another service, in life.
	hook, err := manager.Add(ctx, alma.WebhookConfig{URL: server.URL, Secret: secret, Ordered: true})
	return func() {
		ctx := context.WithoutCancel(ctx)
		manager.Remove(ctx, hook.ID) // The next start has another listener.
		manager.Shutdown(ctx)
		server.Close()
	}, err
}
