package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.db")
	var out strings.Builder
	if err := run(t.Context(), &out, file); err != nil {
		t.Fatal(err)
	}
	want := `delivered: ORDER_PLACED {"article":"teapot","total":24}
delivered: ORDER_PLACED {"article":"kettle","total":39}
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}

	// Rows and events agree.
	store, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var rows int
	if err := store.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	page, err := store.FindEvents(t.Context(), alma.EventQuery{Type: "ORDER_PLACED"})
	if err != nil || rows != 2 || len(page.Items) != 2 {
		t.Errorf("%d orders and %d events, %v; want 2 of each", rows, len(page.Items), err)
	}
}
