package main

import (
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

func TestFiguresOfTheStore(t *testing.T) {
	t.Parallel()
	store, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.AppendAudit(t.Context(), alma.AuditEntry{ID: "aud_1"}); err != nil {
		t.Fatal(err)
	}
	f, err := storeFigures(store)(t.Context())
	if err != nil || f.Commits < 1 || f.Changes < 1 || f.SizeBytes < 1 || f.Queued != 0 || f.FreeBytes < 0 {
		t.Errorf("figures %+v, %v", f, err)
	}
	if storeFigures(nil) != nil {
		t.Error("an unknown driver has figures")
	}
}
