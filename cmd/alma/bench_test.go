package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alma-events/alma/internal/bench"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/internal/programtest"
)

// TestBench runs it small, on both kinds of database: the figures mean nothing.
func TestBench(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"bench", "--only", "append", "--events", "300", "--json", "--dir", dir}
			if kind == "postgres" {
				args = append(args, "--db", pgtest.Database(t))
			}
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, stdio{strings.NewReader(""), &out, &errs}); code != exitDone {
				t.Fatalf("exit %d: %s", code, &errs)
			}
			var results []bench.Result
			if err := json.Unmarshal(out.Bytes(), &results); err != nil || len(results) != 4 {
				t.Fatalf("%d results, %v; want the bare client, two ways to append, and the memory:\n%s", len(results), err, &out)
			}
			if results[1].Ratio <= 0 || results[1].Goal == "" || results[1].Met == nil {
				t.Errorf("incomplete: %+v", results[1])
			}
			if !strings.Contains(errs.String(), "measuring: library append") {
				t.Errorf("no progress is told:\n%s", &errs)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestBenchKills kills servers of the built program.
func TestBenchKills(t *testing.T) {
	t.Parallel()
	name, err := programtest.Path()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "bench", "--only", "kill", "--events", "600", "--json", "--dir", t.TempDir())
	cmd.Env = []string{"HOME=" + t.TempDir(), "ALMA_LISTEN=the servers do not heed the operator's settings"}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	var results []bench.Result
	if err := json.Unmarshal(out, &results); err != nil || len(results) != 2 {
		t.Fatalf("%d results, %v; want the bare client and the kills:\n%s", len(results), err, out)
	}
	if r := results[1]; r.Met == nil || !*r.Met || !strings.HasPrefix(r.Figure, "0 acknowledged events lost of ") || strings.HasPrefix(r.Figure, "0 acknowledged events lost of 0,") {
		t.Errorf("%+v; want nothing lost of some", r)
	}
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"bench --only apend":   `--only: there is no case "apend"; want some of emitter, append`,
		"bench --events 3":     "--events is 3; want 200 or more",
		"bench --dir /nowhere": "no such file or directory",
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(args), stdio{strings.NewReader(""), &out, &errs})
		if code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit %d, %s; want exit %d and %q", args, code, &errs, exitUsage, want)
		}
	}
}
