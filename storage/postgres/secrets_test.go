package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
	"github.com/alma-events/alma/storage/postgres"
	"github.com/alma-events/alma/storage/storagetest"
)

const hiddenText = "hidden-secret-7d1f"

func keys(list ...[]byte) postgres.Options { return postgres.Options{SecretKeys: list} }

// hide stores a webhook and a source with secrets.
func hide(t *testing.T, s *postgres.Store, suffix string) {
	t.Helper()
	w := alma.Webhook{ID: "wh_" + suffix, State: alma.StateActive, Config: alma.WebhookConfig{
		URL: "https://example.com", Secret: hiddenText, Headers: map[string]string{"X-Token": hiddenText},
	}}
	if _, err := s.CreateWebhook(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateSource(t.Context(), alma.Source{Name: "source-" + suffix, Format: alma.FormatAlma, Secret: hiddenText}); err != nil {
		t.Fatal(err)
	}
}

func wantRead(t *testing.T, s *postgres.Store, suffix string) {
	t.Helper()
	w, err := s.Webhook(t.Context(), "wh_"+suffix)
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.Source(t.Context(), "source-"+suffix)
	if err != nil {
		t.Fatal(err)
	}
	if w.Config.Secret != hiddenText || w.Config.Headers["X-Token"] != hiddenText || src.Secret != hiddenText {
		t.Errorf("read other secrets: %q, %q", w.Config.Secret, src.Secret)
	}
}

// shown counts the rows in which the secret can be read.
func shown(t *testing.T, url string) int {
	t.Helper()
	return count(t, url, `SELECT (SELECT count(*) FROM alma_webhooks WHERE position('`+hiddenText+`'::bytea IN secret) > 0 OR position('`+hiddenText+`' IN config) > 0)
		+ (SELECT count(*) FROM alma_sources WHERE position('`+hiddenText+`'::bytea IN secret) > 0)`)
}

func TestConformanceSealed(t *testing.T) {
	t.Parallel()
	o := keys(secret.NewKey())
	storagetest.Run(t, func(t *testing.T) alma.Storage { return open(t, o) }, storagetest.Features{
		BeginTx: beginTx, Nodes: true, PrunesCoarsely: true, Only: []string{"Webhooks", "Sources", "Changes", "Life"},
		Reopen: func(t *testing.T, s alma.Storage) alma.Storage {
			url := s.(*postgres.Store).Pool().Config().ConnString()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openURL(t, url, o)
		},
	})
}

// TestADeletedWebhookKeepsNothing that may be secret.
func TestADeletedWebhookKeepsNothing(t *testing.T) {
	t.Parallel()
	url := postgres.Tables.Database(t)
	s := openURL(t, url, postgres.Options{})
	hide(t, s, "1")
	if err := s.DeleteWebhook(t.Context(), "wh_1"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, url, `SELECT count(*) FROM alma_webhooks WHERE secret IS NULL AND config = '{}' AND traits = '{}' AND state_reason = ''`); n != 1 {
		t.Error("the deleted webhook keeps settings")
	}
}

func TestClearSecretsAreSealed(t *testing.T) {
	t.Parallel()
	url, key := postgres.Tables.Database(t), secret.NewKey()
	s := openURL(t, url, postgres.Options{})
	hide(t, s, "1")
	if n := shown(t, url); n != 2 {
		t.Fatalf("without a key %d rows show the secret, want 2", n)
	}
	sealed := openURL(t, url, keys(key))
	if n := shown(t, url); n != 0 {
		t.Errorf("%d rows show the secret", n)
	}
	wantRead(t, sealed, "1")
	// The node without a key cannot read what is sealed, and must not add to it.
	if _, err := s.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_2", Config: alma.WebhookConfig{URL: "https://example.com"}}); err == nil || !strings.Contains(err.Error(), "ALMA_SECRET_KEY") {
		t.Errorf("a node without a key stored a webhook: %v", err)
	}
	if _, err := s.Webhook(t.Context(), "wh_1"); err == nil || !strings.Contains(err.Error(), "key that was not given") {
		t.Errorf("a node without a key read %v", err)
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	url, key := postgres.Tables.Database(t), secret.NewKey()
	openURL(t, url, keys(key))
	for want, o := range map[string]postgres.Options{
		"no key was given":     {},
		"another one":          keys(secret.NewKey()),
		"has 8 bytes; want 32": keys(key[:8]),
	} {
		s, err := postgres.Open(t.Context(), url, o)
		if err == nil {
			s.Close()
			t.Fatalf("opened; want %q", want)
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SecretKeys") {
			t.Errorf("got %v; want it to say %q", err, want)
		}
	}
}

// TestRollingRekey changes the key of two nodes that never stop together.
func TestRollingRekey(t *testing.T) {
	t.Parallel()
	url := postgres.Tables.Database(t)
	old, young := secret.NewKey(), secret.NewKey()
	a, b := openURL(t, url, keys(old)), openURL(t, url, keys(old))
	hide(t, a, "1")
	restart := func(s *postgres.Store, o postgres.Options) *postgres.Store {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return openURL(t, url, o)
	}
	check := func(names ...string) {
		t.Helper()
		for _, name := range names {
			wantRead(t, a, name)
			wantRead(t, b, name)
		}
	}
	a = restart(a, keys(old, young))
	check("1")
	b = restart(b, keys(old, young))
	a = restart(a, keys(young, old))
	hide(t, a, "2") // Under the new key.
	hide(t, b, "3") // Under the old one.
	check("1", "2", "3")
	b = restart(b, keys(young, old))
	if n, err := b.Rekey(t.Context()); err != nil || n != 4 {
		t.Fatalf("sealed %d anew, %v; want 4", n, err)
	}
	check("1", "2", "3")
	a = restart(a, keys(young))
	b = restart(b, keys(young))
	check("1", "2", "3")
	if s, err := postgres.Open(t.Context(), url, keys(old)); err == nil {
		s.Close()
		t.Error("the former key still opens the database")
	}
}

// TestLateNode: what a node seals under the former key after the Rekey is not
// lost: without that key the database says what it needs.
func TestLateNode(t *testing.T) {
	t.Parallel()
	url := postgres.Tables.Database(t)
	old, young := secret.NewKey(), secret.NewKey()
	late, s := openURL(t, url, keys(old, young)), openURL(t, url, keys(young, old))
	if _, err := s.Rekey(t.Context()); err != nil {
		t.Fatal(err)
	}
	hide(t, late, "1")
	if only, err := postgres.Open(t.Context(), url, keys(young)); err == nil {
		only.Close()
		t.Fatal("opened without the key that a late node used")
	}
	if n, err := s.Rekey(t.Context()); err != nil || n != 2 {
		t.Fatalf("sealed %d anew, %v; want 2", n, err)
	}
	wantRead(t, openURL(t, url, keys(young)), "1")
}

// TestRekeyWaits: a webhook that is being stored under the former key is
// either sealed anew too, or its key is not forgotten.
func TestRekeyWaits(t *testing.T) {
	t.Parallel()
	url := postgres.Tables.Database(t)
	old, young := secret.NewKey(), secret.NewKey()
	former := openURL(t, url, keys(old, young))
	hide(t, former, "1")
	s := openURL(t, url, keys(young, old))
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// As a node does that stores something under the former key now.
	if _, err := tx.Exec(t.Context(), `UPDATE alma_secret_keys SET id = id`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Rekey(context.Background())
		done <- err
	}()
	waitFor(t, url, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantRead(t, s, "1")
}

// waitFor waits until a query counts something.
func waitFor(t *testing.T, url, query string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); count(t, url, query) == 0; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still nothing: %s", query)
		}
	}
}
