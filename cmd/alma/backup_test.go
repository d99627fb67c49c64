package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
)

// pages reads a whole listing of a server.
func (p *process) pages(path string) []map[string]any {
	p.t.Helper()
	var all []map[string]any
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	for after := ""; ; {
		var got page[map[string]any]
		raw := p.must(200, "GET", path+separator+"limit=200&after="+url.QueryEscape(after), "")
		if err := json.Unmarshal(raw, &got); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, got.Items...)
		if after = got.Next; after == "" {
			return all
		}
	}
}

// load posts events until it is ended, and returns what was acknowledged.
func load(p *process, stop <-chan struct{}, begun chan<- struct{}) []string {
	var ids []string
	for n := 0; ; n++ {
		select {
		case <-stop:
			return ids
		default:
		}
		id := fmt.Sprintf("load-%d", n)
		status, _, err := p.call("POST", "/v1/events", fmt.Sprintf(`{"event_id":%q,"event_type":"ORDER_PAID","memory_id":"m"}`, id))
		if err != nil || status != 202 {
			return ids
		}
		if ids = append(ids, id); n == 100 {
			close(begun)
		}
	}
}

// TestBackupUnderLoad backs a server up that takes events and delivers, loses
// it, and goes on with what was restored.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, file := filepath.Join(dir, "alma.db"), filepath.Join(dir, "backup.db")
	listener := almatest.NewListener(t, almatest.WithSecret("listener-secret"))
	p := serve(t, db)
	p.must(201, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":"listener-secret","events":["CREATED"]}`, listener.URL()))
	p.must(201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:1/dead","secret":"another-secret","retry_count":50,"retry_delay":600,"events":["JOB_END"]}`)
	p.must(202, "POST", "/v1/events", `[{"event_id":"early","event_type":"JOB_END","memory_id":"m"},{"event_id":"kept","event_type":"CREATED","memory_id":"m"}]`)
	awaitPending(t, p, 1)
	listener.WaitEvents(t.Context(), 1)
	webhooks := p.pages("/v1/webhooks")

	stop, begun := make(chan struct{}), make(chan struct{})
	acknowledged := make(chan []string, 1)
	go func() { acknowledged <- load(p, stop, begun) }()
	<-begun
	code, said, errs := command(t, "", "backup", "--db", db, file)
	if code != exitDone {
		t.Fatal(errs)
	}
	wants(t, "the backup", said, "2 webhooks", "1 pending delivery", db+".secret-key")
	close(stop)
	last := <-acknowledged
	p.kill()

	restored := filepath.Join(dir, "restored.db")
	code, said, errs = command(t, "", "restore", "--db", restored, file)
	if code != exitDone {
		t.Fatal(errs)
	}
	wants(t, "the restore", said, "same event ids", "put the key back into "+restored+".secret-key")
	for _, end := range []string{".key", ".secret-key"} {
		copyFile(t, db+end, restored+end)
	}
	r := serve(t, restored)
	have := map[string]bool{}
	for _, e := range r.pages("/v1/events") {
		have[e["event_id"].(string)] = true
	}
	for _, id := range append(last[:101:101], "early", "kept") {
		if !have[id] {
			t.Errorf("%s was acknowledged before the backup, and is not in it", id)
		}
	}
	for i, w := range r.pages("/v1/webhooks") {
		for _, name := range []string{"id", "url", "state", "events", "secret_hint", "created_at"} {
			if fmt.Sprint(w[name]) != fmt.Sprint(webhooks[i][name]) {
				t.Errorf("%s of a webhook is %v after the restore; it was %v", name, w[name], webhooks[i][name])
			}
		}
	}
	awaitPending(t, r, 1)
	r.must(202, "POST", "/v1/events", `{"event_id":"after","event_type":"CREATED","memory_id":"m"}`)
	for _, e := range listener.WaitEvents(t.Context(), 2) { // What it had may come again.
		if e.ID != "kept" && e.ID != "after" {
			t.Errorf("the listener was sent %s", e.ID)
		}
	}
	for _, got := range listener.Requests() {
		if !got.Verified {
			t.Errorf("the secret of before does not verify %s: %v", got.Body, got.VerifyErr)
		}
	}
}

// awaitPending waits until so many deliveries wait for a retry.
func awaitPending(t *testing.T, p *process, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		got := 0
		for _, d := range p.pages("/v1/deliveries?status=PENDING") {
			if attempts, _ := d["attempts"].(float64); attempts > 0 {
				got++
			}
		}
		if got == want {
			return
		}
		if !rest(ctx, 20*time.Millisecond) {
			t.Fatalf("%d deliveries wait for a retry; want %d", got, want)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(raw))
}

func TestBackupRefusals(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	file := filepath.Join(t.TempDir(), "backup.db")
	c.do("backup", file)
	wants(t, "a second backup", c.fails(exitFailed, "backup", file), "exists", "nothing is overwritten")
	wants(t, "a restore over an open database", c.fails(exitFailed, "restore", file), "another alma process has this database open")
	for _, name := range []string{"backup", "restore"} {
		code, _, errs := command(t, "", name, "--db", "postgres://u:hidden@127.0.0.1/alma", file)
		if code != exitUsage || strings.Contains(errs, "hidden") {
			t.Errorf("%s of PostgreSQL: exit %d\n%s", name, code, errs)
		}
		wants(t, "the error", errs, "pg_dump", "pg_restore", "era", "ALMA_SECRET_KEY")
	}
}
