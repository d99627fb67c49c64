package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/pgtest"
)

const (
	postgresKey       = "a-key-for-tests-only"
	postgresSecretKey = "a2V5LW9mLTMyLWJ5dGVzLWZvci10ZXN0cy1vbmx5ISE="
)

func postgresNode(t *testing.T, db, key string) (*node, error) {
	t.Helper()
	return startNode(t.Context(), nodeConfig{
		db: db, listen: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler), firstKey: key,
		sealing: sealing{SecretKey: postgresSecretKey}, stopGrace: 10 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
}

// callNode makes a request and returns the answer with its body.
func callNode(t *testing.T, n *node, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.http.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+postgresKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(raw)
}

func awaitStatus(t *testing.T, n *node, want int, method, path, body string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, text := callNode(t, n, method, path, body)
		if resp.StatusCode == want {
			return resp
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s %s: %d %s; want %d", method, path, resp.StatusCode, text, want)
		}
	}
}

func eventBody(id string) string {
	return fmt.Sprintf(`{"event_id":%q,"event_type":"CREATED","memory_id":"m"}`, id)
}

// TestPostgresAway: while the database is away the server is not ready, and
// refuses events with a hint to come back; when it returns, deliveries resume
// by themselves.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	n, err := postgresNode(t, server.Database(t), postgresKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	listener := almatest.NewListener(t, almatest.WithSecret("a-secret"))
	resp, text := callNode(t, n, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":"a-secret"}`, listener.URL()))
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status, text)
	}
	awaitStatus(t, n, http.StatusOK, "GET", "/readyz", "")
	awaitStatus(t, n, http.StatusAccepted, "POST", "/v1/events", eventBody("before"))
	listener.WaitEvents(t.Context(), 1)

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, n, http.StatusServiceUnavailable, "GET", "/readyz", "")
	for _, call := range []struct{ method, path, body string }{
		{"POST", "/v1/events", eventBody("meanwhile")},
		{"GET", "/v1/events", ""},
		{"POST", "/v1/memories", `{"memory_type":"heuristic","agent":"a","project_id":"p","data":{"strategy":"x"}}`},
	} {
		resp, text := callNode(t, n, call.method, call.path, call.body)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %s, Retry-After %q, %s; want a 503 with Retry-After", call.method, call.path, resp.Status, resp.Header.Get("Retry-After"), text)
		}
		if strings.Contains(text, "127.0.0.1") || strings.Contains(text, "SQLSTATE") {
			t.Errorf("%s %s: the answer tells callers about the database: %s", call.method, call.path, text)
		}
	}
	awaitStatus(t, n, http.StatusOK, "GET", "/healthz", "")

	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, n, http.StatusAccepted, "POST", "/v1/events", eventBody("after"))
	listener.WaitEvents(t.Context(), 2)
	awaitStatus(t, n, http.StatusOK, "GET", "/readyz", "")
}

// TestPostgresFirstKey: with PostgreSQL the first admin key comes from the
// operator, and later starts need none.
func TestPostgresFirstKey(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	if _, err := postgresNode(t, db, ""); err == nil || !strings.Contains(err.Error(), "ALMA_API_KEY") {
		t.Fatalf("without a key on an empty database: %v; want an error that names ALMA_API_KEY", err)
	}
	for _, key := range []string{postgresKey, ""} {
		n, err := postgresNode(t, db, key)
		if err != nil {
			t.Fatal(err)
		}
		if resp, text := callNode(t, n, "GET", "/v1/keys", ""); resp.StatusCode != http.StatusOK {
			t.Errorf("the key does not open: %s %s", resp.Status, text)
		}
		if err := n.stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestServePostgres runs the program as a process: what it prints names the
// database without its password, and a client finds no key file to look for.
func TestServePostgres(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("alma", "geheim")
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := writePrivate(keyFile, postgresSecretKey+"\n"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, errs := newOutput(), newOutput()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--db", u.String(), "--listen", "127.0.0.1:0", "--api-key", postgresKey, "--secret-key-file", keyFile, "--log-level", "debug"}, stdio{strings.NewReader(""), out, errs})
	}()
	out.await(t, "Serving on ")
	address, _, _ := strings.Cut(strings.TrimPrefix(out.String(), "Serving on "), ",")
	var o, e bytes.Buffer
	if code := run(t.Context(), []string{"key", "list", "--server", address, "--api-key", postgresKey, "--db", u.String(), "--output", "json"}, stdio{strings.NewReader(""), &o, &e}); code != exitDone {
		t.Errorf("key list: exit %d %s", code, e.String())
	}
	if !json.Valid(o.Bytes()) {
		t.Errorf("key list printed %s", o.String())
	}
	cancel()
	if code := <-done; code != exitDone {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if text := out.String() + errs.String(); strings.Contains(text, "geheim") {
		t.Errorf("the password was printed:\n%s", text)
	}
}
