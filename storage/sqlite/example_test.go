package sqlite_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

// An order and the event about it commit together, or neither does.
func ExampleStore_AppendTx() {
	ctx := context.Background()
	store, err := sqlite.OpenMemory(ctx) // Or sqlite.Open(ctx, "app.db", sqlite.Options{}).
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	if _, err := store.DB().ExecContext(ctx, `CREATE TABLE orders (id TEXT)`); err != nil {
		panic(err)
	}

	event := alma.Event{ID: "evt_order_1", Type: "ORDER_PAID", MemoryID: "order-1"}
	if err := event.Prepare(time.Now()); err != nil {
		panic(err)
	}
	tx, err := store.DB().BeginTx(ctx, nil)
	if err != nil {
		panic(err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders VALUES ('order-1')`); err != nil {
		panic(err)
	}
	if _, err := store.AppendTx(ctx, tx, event); err != nil {
		panic(err)
	}
	if err := tx.Commit(); err != nil {
		panic(err)
	}

	page, err := store.Read(ctx, alma.Position{}, 10)
	if err != nil {
		panic(err)
	}
	fmt.Println(page.Events[0].ID, page.Events[0].Type)
	// Output: evt_order_1 ORDER_PAID
}
