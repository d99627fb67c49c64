package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/webhook"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Wrap(m).Run()) }

func TestRun(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "embedded.db")
	for range 2 { // The second start goes on with the file of the first.
		runs(t, db)
	}
}

func TestRunPostgres(t *testing.T) {
	t.Parallel()
	runs(t, pgtest.Database(t))
}

func runs(t *testing.T, db string) {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), &out, db); err != nil {
		t.Fatal(err)
	}
	if want := "an invoice for order-17\nevents: 1, retries: 0\n"; out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := notify(&out)(t.Context(), webhook.Failures{
		Webhook: alma.Webhook{Config: alma.WebhookConfig{Contacts: []string{"shop@example.com"}}}, Total: 3,
	})
	if want := "[shop@example.com]: 3 deliveries have failed\n"; err != nil || out.String() != want {
		t.Errorf("printed %q, %v; want %q", out.String(), err, want)
	}
}
