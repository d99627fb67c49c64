package receive_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

// Repeats are dropped although the listener was started anew between them.
func ExampleNewSQLStore() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:example?mode=memory&cache=shared")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	body := []byte(`{"event_type":"CREATED","memory_id":"mem_1","event_id":"evt_1","data":{}}`)
	for range 2 {
		seen, err := receive.NewSQLStore(ctx, db, receive.SQLOptions{}) // PostgreSQL wants Placeholder: receive.Dollar.
		if err != nil {
			fmt.Println(err)
			return
		}
		h, err := receive.New(receive.Config{
			Secrets: []string{"your-secret-key"},
			Seen:    seen,
			Handle: func(_ context.Context, e alma.Event) error {
				fmt.Println(e.Type, e.MemoryID)
				return nil
			},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		srv := httptest.NewServer(h)
		fmt.Println(post(srv.URL, body, wire.SignAlma("your-secret-key", body)))
		srv.Close()
	}
	// Output:
	// CREATED mem_1
	// 204 No Content
	// 204 No Content
}
