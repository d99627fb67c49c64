package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/alma-events/alma/internal/bench"
	"github.com/alma-events/alma/internal/secret"
)

// spawnBench returns how the benchmark gets servers that it can kill: this
// program once more, in processes of its own.
func spawnBench(databases *benchDatabases) func(context.Context, string) (*bench.Process, error) {
	key := secret.FormatKey(secret.NewKey()) // Of the whole run: a server reads what the one before sealed.
	return func(ctx context.Context, name string) (*bench.Process, error) {
		db, err := databases.get(ctx, name)
		if err != nil {
			return nil, err
		}
		program, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("cannot start a server to be killed: %w", err)
		}
		cmd := exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--allow-cidr", "127.0.0.0/8", "--log-level", "error") //nolint:gosec // This program.
		// The address of a database may hold a password, which a list of processes would show.
		cmd.Env = append(foreignEnv(), "ALMA_DB="+db, "ALMA_API_KEY="+benchKey, "ALMA_SECRET_KEY="+key)
		return spawn(cmd)
	}
}

// foreignEnv is the environment without what is meant for this program, which is
// for the operator's own server.
func foreignEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ALMA_") })
}

// spawn starts a server and waits until it says where it serves.
func spawn(cmd *exec.Cmd) (*bench.Process, error) {
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start a server to be killed: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a server to be killed: %w", err)
	}
	gone := make(chan struct{})
	p := &bench.Process{Key: benchKey, Kill: func() {
		_ = cmd.Process.Kill() // It may be gone already.
		<-gone
	}}
	lines := bufio.NewScanner(out)
	for p.URL == "" && lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving on "); ok {
			p.URL, _, _ = strings.Cut(rest, ",")
		}
	}
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, out) // It says no more that matters.
		_ = cmd.Wait()                  // Killed: its error says no more.
	}()
	if p.URL == "" {
		p.Kill()
		return nil, fmt.Errorf("a server to be killed did not start: %s", strings.TrimSpace(errs.String()))
	}
	return p, nil
}
