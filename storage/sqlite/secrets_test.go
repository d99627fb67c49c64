package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/storage/storagetest"
)

// hidden is what must not be readable in a file.
var hidden = []string{"hidden-secret-7d1f", "former-secret-7d1f", "header-value-7d1f", "client-key-7d1f", "source-secret-7d1f", "source-former-7d1f"}

// hide stores all that is secret.
func hide(t *testing.T, s *sqlite.Store, suffix string) {
	t.Helper()
	w := alma.Webhook{
		ID: "wh_" + suffix, State: alma.StateActive, FormerSecret: hidden[1], FormerUntil: now(),
		Config: alma.WebhookConfig{URL: "https://example.com", Secret: hidden[0], Headers: map[string]string{"X-Token": hidden[2]}, ClientKey: hidden[3]},
	}
	if _, err := s.CreateWebhook(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	src := alma.Source{Name: "source-" + suffix, Format: alma.FormatAlma, Secret: hidden[4], FormerSecret: hidden[5], FormerUntil: now()}
	if _, err := s.CreateSource(t.Context(), src); err != nil {
		t.Fatal(err)
	}
}

// wantRead expects that a store can read what hide stored.
func wantRead(t *testing.T, s *sqlite.Store, suffix string) {
	t.Helper()
	w, err := s.Webhook(t.Context(), "wh_"+suffix)
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.Source(t.Context(), "source-"+suffix)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range []string{w.Config.Secret, w.FormerSecret, w.Config.Headers["X-Token"], w.Config.ClientKey, src.Secret, src.FormerSecret} {
		if got != hidden[i] {
			t.Errorf("read %q, want %q", got, hidden[i])
		}
	}
}

// found returns which of the texts stand in the bytes of a database's files.
func found(t *testing.T, path string, texts ...string) (list []string) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) == 0 {
		t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(raw, []byte(text)) {
				list = append(list, filepath.Base(name)+": "+text)
			}
		}
	}
	return list
}

func closeStore(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConformanceSealed(t *testing.T) {
	t.Parallel()
	o := sqlite.Options{SecretKeys: [][]byte{secret.NewKey()}}
	storagetest.Run(t, func(t *testing.T) alma.Storage { return openFile(t, o) }, storagetest.Features{
		BeginTx: beginHostTx, Only: []string{"Webhooks", "Sources", "Life"},
		Reopen: func(t *testing.T, s alma.Storage) alma.Storage {
			path := s.(*sqlite.Store).Path()
			closeStore(t, s.(*sqlite.Store))
			return openPath(t, path, o)
		},
	})
}

// TestNoSecretInTheFile: once there is a key, no secret can be read from the
// file or its write-ahead log, not even those that were stored before.
func TestNoSecretInTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	s := openPath(t, path, sqlite.Options{})
	hide(t, s, "before")
	hide(t, s, "deleted")
	if err := s.DeleteWebhook(t.Context(), "wh_deleted"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteSource(t.Context(), "source-deleted"); err != nil {
		t.Fatal(err)
	}
	if len(found(t, path, hidden...)) == 0 {
		t.Fatal("the search finds nothing where secrets are in the clear")
	}
	closeStore(t, s)

	o := sqlite.Options{SecretKeys: [][]byte{secret.NewKey()}}
	s = openPath(t, path, o)
	wantRead(t, s, "before")
	if list := found(t, path, hidden...); list != nil {
		t.Errorf("right after the sealing: %v", list)
	}
	hide(t, s, "after")
	wantRead(t, s, "after")
	if list := found(t, path, hidden...); list != nil {
		t.Errorf("while the store is open: %v", list)
	}
	closeStore(t, s)
	if list := found(t, path, hidden...); list != nil {
		t.Errorf("after the close: %v", list)
	}
	s = openPath(t, path, o)
	wantRead(t, s, "before")
	wantRead(t, s, "after")
}

// TestScrubIsMadeUpFor: a process that dies between the sealing and the
// scrubbing leaves traces, which the next open removes.
func TestScrubIsMadeUpFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	o := sqlite.Options{SecretKeys: [][]byte{secret.NewKey()}}
	s := openPath(t, path, o)
	const trace = "a-trace-of-something-7d1f"
	conn, err := s.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`PRAGMA secure_delete = OFF`, `CREATE TABLE traces (t TEXT)`,
		`INSERT INTO traces SELECT '` + trace + `' || hex(randomblob(500)) FROM json_each('[` + strings.Repeat("1,", 200) + `1]')`,
		`DROP TABLE traces`, `UPDATE alma_secret_keys SET scrub = 1`,
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if len(found(t, path, trace)) == 0 {
		t.Fatal("there are no traces to begin with")
	}
	s = openPath(t, path, o)
	if list := found(t, path, trace); list != nil {
		t.Errorf("traces remain: %v", list)
	}
	var pending int
	if err := s.DB().QueryRowContext(t.Context(), `SELECT sum(scrub) FROM alma_secret_keys`).Scan(&pending); err != nil || pending != 0 {
		t.Errorf("the scrubbing is still wanted: %d, %v", pending, err)
	}
}

// TestWrongKeys: a file with sealed secrets opens with their key alone, and
// says so even before there is any secret.
func TestWrongKeys(t *testing.T) {
	t.Parallel()
	key, other := secret.NewKey(), secret.NewKey()
	for _, full := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "alma.db")
		s := openPath(t, path, sqlite.Options{SecretKeys: [][]byte{key}})
		if full {
			hide(t, s, "1")
		}
		closeStore(t, s)
		for name, c := range map[string]struct {
			keys [][]byte
			want string
		}{
			"no key":      {nil, "no key was given"},
			"another key": {[][]byte{other}, "another one"},
			"a short key": {[][]byte{key[:8]}, "has 8 bytes; want 32"},
		} {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{SecretKeys: c.keys})
			if err == nil {
				closeStore(t, s)
				t.Fatalf("%s: opened", name)
			}
			if !strings.Contains(err.Error(), c.want) || name != "a short key" && !strings.Contains(err.Error(), "ALMA_SECRET_KEY") {
				t.Errorf("%s: got %v; want it to say %q", name, err, c.want)
			}
		}
		s = openPath(t, path, sqlite.Options{SecretKeys: [][]byte{other, key}})
		if full {
			wantRead(t, s, "1")
		}
		closeStore(t, s)
	}
}

// TestRekey: after it the former key is of no use, and not needed.
func TestRekey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	old, young := secret.NewKey(), secret.NewKey()
	s := openPath(t, path, sqlite.Options{SecretKeys: [][]byte{old}})
	hide(t, s, "1")
	closeStore(t, s)

	s = openPath(t, path, sqlite.Options{SecretKeys: [][]byte{young, old}})
	wantRead(t, s, "1")
	hide(t, s, "2")
	for _, want := range []int{2, 0} { // The second time there is nothing left to do.
		if n, err := s.Rekey(t.Context()); err != nil || n != want {
			t.Fatalf("sealed %d anew, %v; want %d", n, err, want)
		}
	}
	wantRead(t, s, "1")
	closeStore(t, s)

	if s, err := sqlite.Open(t.Context(), path, sqlite.Options{SecretKeys: [][]byte{old}}); err == nil {
		closeStore(t, s)
		t.Fatal("the former key still opens the file")
	}
	s = openPath(t, path, sqlite.Options{SecretKeys: [][]byte{young}})
	wantRead(t, s, "1")
	wantRead(t, s, "2")
}

func TestRekeyWithoutKey(t *testing.T) {
	t.Parallel()
	if n, err := openMemory(t).Rekey(t.Context()); err == nil || !strings.Contains(err.Error(), "SecretKeys") {
		t.Errorf("sealed %d, %v; want an error that says what is missing", n, err)
	}
}

// TestSwappedRows: who can write the file cannot give one webhook the secret
// of another.
func TestSwappedRows(t *testing.T) {
	t.Parallel()
	s := openFile(t, sqlite.Options{SecretKeys: [][]byte{secret.NewKey()}})
	hide(t, s, "1")
	hide(t, s, "2")
	const swap = `UPDATE alma_webhooks SET secret = (SELECT secret FROM alma_webhooks WHERE id = 'wh_1') WHERE id = 'wh_2'`
	if _, err := s.DB().ExecContext(t.Context(), swap); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Webhook(t.Context(), "wh_2"); err == nil || !strings.Contains(err.Error(), "wh_2") {
		t.Errorf("read with the secrets of another: %v", err)
	}
	wantRead(t, s, "1")
}
