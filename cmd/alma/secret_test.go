package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/internal/secret"
	"github.com/alma-events/alma/storage/sqlite"
)

// sealedNode starts a server and ends it with the test.
func sealedNode(t *testing.T, db string, s sealing) (*node, error) {
	t.Helper()
	n, err := startNode(t.Context(), nodeConfig{
		db: db, listen: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler), firstKey: postgresKey, sealing: s,
		stopGrace: 10 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err == nil {
		t.Cleanup(func() { stopNode(t, n) })
	}
	return n, err
}

func stopNode(t *testing.T, n *node) {
	t.Helper()
	if err := n.stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// keepSecret starts a server, registers a webhook, and stops.
func keepSecret(t *testing.T, db string, s sealing) {
	t.Helper()
	n, err := sealedNode(t, db, s)
	if err != nil {
		t.Fatal(err)
	}
	resp, body := callNode(t, n, http.MethodPost, "/v1/webhooks", `{"url":"http://127.0.0.1:9/","secret":"hidden-secret"}`)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	stopNode(t, n)
}

// wantSecret expects that a database opens and shows the secret of keepSecret.
func wantSecret(t *testing.T, db string, s sealing) {
	t.Helper()
	n, err := sealedNode(t, db, s)
	if err != nil {
		t.Fatal(err)
	}
	list, err := n.store.Webhooks(t.Context())
	if err != nil || len(list) != 1 || list[0].Config.Secret != "hidden-secret" {
		t.Fatalf("webhooks %v, %v", list, err)
	}
	stopNode(t, n)
}

func newDB(t *testing.T) string { return filepath.Join(t.TempDir(), "alma.db") }

func TestTheKeyOfSecretsIsKeptBesideTheFile(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	keepSecret(t, db, sealing{})
	info, err := os.Stat(db + ".secret-key")
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("the key's file has the mode %o, want 600", mode)
	}
	for _, name := range []string{db, db + "-wal"} {
		raw, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "hidden-secret") {
			t.Errorf("%s shows the secret", name)
		}
	}
	wantSecret(t, db, sealing{})
}

// TestAnOldDatabaseIsSealed: one that was made before there were keys.
func TestAnOldDatabaseIsSealed(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	store, err := sqlite.Open(t.Context(), db, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1", State: alma.StatePaused, Config: alma.WebhookConfig{URL: "https://example.com", Secret: "hidden-secret"}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	wantSecret(t, db, sealing{})
	if _, err := sqlite.Open(t.Context(), db, sqlite.Options{}); err == nil {
		t.Error("the secrets are not sealed")
	}
}

func TestAMissingKeyFileIsNotReplaced(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	keepSecret(t, db, sealing{})
	kept := db + ".kept"
	if err := os.Rename(db+".secret-key", kept); err != nil {
		t.Fatal(err)
	}
	_, err := sealedNode(t, db, sealing{})
	if err == nil {
		t.Fatal("the server started without the key")
	}
	wants(t, "the refusal", err.Error(), "ALMA_SECRET_KEY", db+".secret-key", "restore it")
	if _, err := os.Stat(db + ".secret-key"); !os.IsNotExist(err) {
		t.Errorf("another key stands in its place: %v", err)
	}
	wantSecret(t, db, sealing{SecretKeyFile: kept})
}

func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	good := secret.FormatKey(secret.NewKey())
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		db    string
		s     sealing
		wants []string
	}{
		"PostgreSQL without one": {"postgres://127.0.0.1:1/alma", sealing{}, []string{"ALMA_SECRET_KEY", "openssl rand -base64 32"}},
		"no key at all":          {"alma.db", sealing{SecretKey: "nonsense"}, []string{"ALMA_SECRET_KEY", "openssl rand -base64 32"}},
		"former one":             {"alma.db", sealing{SecretKey: good, SecretKeyFormer: good + ",nonsense"}, []string{"ALMA_SECRET_KEY_FORMER"}},
		"two places":             {"alma.db", sealing{SecretKey: good, SecretKeyFile: "x"}, []string{"want one of the two"}},
		"no such file":           {"alma.db", sealing{SecretKeyFile: "/no/such/file"}, []string{"/no/such/file"}},
		"an empty file":          {"alma.db", sealing{SecretKeyFile: empty}, []string{"holds no key"}},
	} {
		_, err := c.s.keys(c.db)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wants(t, name, err.Error(), c.wants...)
		if strings.Contains(err.Error(), "nonsense") || strings.Contains(err.Error(), good) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

// TestNoKeysInArguments: other users of the machine can see them.
func TestNoKeysInArguments(t *testing.T) {
	t.Parallel()
	good := secret.FormatKey(secret.NewKey())
	for flag, variable := range map[string]string{"--secret-key": "ALMA_SECRET_KEY", "--secret-key-former": "ALMA_SECRET_KEY_FORMER"} {
		code, _, errs := command(t, "", "serve", flag, good)
		if code != exitUsage {
			t.Errorf("%s: exit %d", flag, code)
		}
		wants(t, flag, errs, variable, "--secret-key-file")
	}
}

// TestKeysInTheConfigFile may stand there: only its owner needs to read it.
func TestKeysInTheConfigFile(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	young, old := secret.FormatKey(secret.NewKey()), secret.FormatKey(secret.NewKey())
	keepSecret(t, db, sealing{SecretKey: old})
	config := filepath.Join(t.TempDir(), "alma.yaml")
	if err := writePrivate(config, "secret-key: "+young+"\nsecret_key_former: "+old+"\n"); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "", "secret", "rotate-key", "--db", db, "--config", config)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	wants(t, "what was done", out, "1 webhooks")
	wantSecret(t, db, sealing{SecretKey: young})
}

func TestRotateKeyInTheFile(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	keepSecret(t, db, sealing{})
	before, err := os.ReadFile(db + ".secret-key")
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "", "secret", "rotate-key", "--db", db)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	wants(t, "what was done", out, "1 webhooks", db+".secret-key")
	after, err := os.ReadFile(db + ".secret-key")
	if err != nil || string(after) == string(before) || strings.Count(string(after), "\n") != 1 {
		t.Errorf("the file holds %d lines, %v; want one new key", strings.Count(string(after), "\n"), err)
	}
	if _, err := sealedNode(t, db, sealing{SecretKey: strings.TrimSpace(string(before))}); err == nil {
		t.Error("the former key still opens the database")
	}
	wantSecret(t, db, sealing{})
}

// TestRotateKeyBrokenOff goes through the states that a killed rotation leaves:
// each opens, and the rotation can be run again.
func TestRotateKeyBrokenOff(t *testing.T) {
	t.Parallel()
	for _, resealed := range []bool{false, true} {
		db := newDB(t)
		keepSecret(t, db, sealing{})
		old, err := readKeys(db + ".secret-key")
		if err != nil {
			t.Fatal(err)
		}
		both := secretKeys{list: [][]byte{secret.NewKey(), old.list[0]}, file: old.file}
		if err := both.write(); err != nil { // As before the sealing.
			t.Fatal(err)
		}
		if resealed { // As after it, before the former key is dropped.
			r := rotation{db: db, keys: both, logLevel: "error", io: stdio{err: os.Stderr}}
			if n, err := r.seal(t.Context()); err != nil || n != 1 {
				t.Fatalf("sealed %d anew, %v", n, err)
			}
		}
		wantSecret(t, db, sealing{})
		if code, _, errs := command(t, "", "secret", "rotate-key", "--db", db); code != exitDone {
			t.Fatalf("again: exit %d: %s", code, errs)
		}
		wantSecret(t, db, sealing{})
		if now, err := readKeys(old.file); err != nil || len(now.list) != 1 {
			t.Errorf("the file holds %d keys, %v", len(now.list), err)
		}
	}
}

// TestTheKeyIsMadeOnce, however many servers start at the same moment: a key
// that was overwritten would be lost, with all that is sealed under it.
func TestTheKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	var wg sync.WaitGroup
	got := make([]secretKeys, 16)
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = (&sealing{}).keys(db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	makers := 0
	for _, k := range got {
		if k.text() != got[0].text() {
			t.Fatal("two servers have two keys")
		}
		if k.made {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d servers say that they made the key", makers)
	}
}

// TestTwoRotations: the one that comes too late writes nothing, for it does not
// know of the other's key.
func TestTwoRotations(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	keepSecret(t, db, sealing{})
	late, err := (&sealing{}).keys(db)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "", "secret", "rotate-key", "--db", db); code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	r := rotation{db: db, keys: late, logLevel: "error", io: stdio{err: io.Discard}}
	if err := r.inFile(t.Context()); err == nil || !strings.Contains(err.Error(), "another one") {
		t.Errorf("with the keys of before: %v", err)
	}
	if err := r.replace([][]byte{secret.NewKey()}); err == nil || !strings.Contains(err.Error(), "run it again") {
		t.Errorf("a file that was changed meanwhile was overwritten: %v", err)
	}
	wantSecret(t, db, sealing{})
}

func TestRotateKeyWhileAServerRuns(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	if _, err := sealedNode(t, db, sealing{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(db + ".secret-key")
	if err != nil {
		t.Fatal(err)
	}
	code, _, errs := command(t, "", "secret", "rotate-key", "--db", db)
	if code != exitFailed {
		t.Errorf("exit %d, want %d", code, exitFailed)
	}
	wants(t, "the refusal", errs, db, "another alma process")
	if after, err := os.ReadFile(db + ".secret-key"); err != nil || string(after) != string(before) {
		t.Errorf("the key's file was changed, %v", err)
	}
}

// TestRotateKeyOnPostgres seals under the new key while a server runs.
func TestRotateKeyOnPostgres(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	young, old := secret.FormatKey(secret.NewKey()), secret.FormatKey(secret.NewKey())
	keepSecret(t, db, sealing{SecretKey: old})
	running, err := sealedNode(t, db, sealing{SecretKey: young, SecretKeyFormer: old})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	alone, both := filepath.Join(dir, "alone"), filepath.Join(dir, "both")
	for name, text := range map[string]string{alone: young, both: young + "\n" + old} {
		if err := writePrivate(name, text); err != nil {
			t.Fatal(err)
		}
	}
	code, _, errs := command(t, "", "secret", "rotate-key", "--db", db, "--secret-key-file", alone)
	if code != exitUsage {
		t.Errorf("with the new key alone: exit %d", code)
	}
	wants(t, "with the new key alone", errs, "ALMA_SECRET_KEY_FORMER")
	code, out, errs := command(t, "", "secret", "rotate-key", "--db", db, "--secret-key-file", both)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	wants(t, "what was done", out, "1 webhooks")
	resp, body := callNode(t, running, http.MethodGet, "/v1/webhooks", "")
	var page struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &page); err != nil || resp.StatusCode != http.StatusOK || len(page.Items) != 1 {
		t.Errorf("the running server lists %s, %v", body, err)
	}
	stopNode(t, running)
	wantSecret(t, db, sealing{SecretKey: young})
}
