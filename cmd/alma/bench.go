package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alma-events/alma/internal/bench"
)

type benchCmd struct {
	Only    []string `help:"Run these cases alone." placeholder:"CASE"`
	Events  int      `help:"Events of a case." default:"100000"`
	Backlog int      `help:"Events behind the dead webhook; ten times --events when 0." default:"0"`
	JSON    bool     `name:"json" help:"Print JSON instead of a table."`
	Dir     string   `help:"Make the databases in a new folder below this one, on the disk that is to be measured." default:"." type:"existingdir"`
}

// Help says more than the list of flags.
func (*benchCmd) Help() string {
	return `Starts a sink on loopback, measures a bare keep-alive client that posts to it,
and then the engine with the same bytes: compare ratios, not figures, and run it
when nothing else runs. The cases are ` + strings.Join(bench.Cases(), ", ") + `.
It works on databases of its own, which it removes.

  alma bench --only append,latency --events 20000`
}

// Run measures and prints the table.
func (c *benchCmd) Run(ctx context.Context, s *settings, io stdio) error {
	if c.Events < 200 {
		return usagef("--events is %d; want 200 or more, for less measures nothing", c.Events)
	}
	dir, err := os.MkdirTemp(c.Dir, "alma-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the databases: %w", err)
	}
	defer os.RemoveAll(dir) // Of the benchmark alone.
	p := &benchProgress{out: io.err, terminal: isTerminal(io.err)}
	results, err := bench.Run(ctx, bench.Config{
		Open: c.open(s, io, dir), Events: c.Events, Backlog: c.Backlog, Only: c.Only, Progress: p.tell,
	})
	p.end()
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if c.JSON {
		return printJSON(io.out, results)
	}
	printResults(io.out, results)
	return nil
}

// open returns how the benchmark gets its engines: whole servers of this
// program.
func (c *benchCmd) open(s *settings, io stdio, dir string) func(context.Context, string) (*bench.Engine, error) {
	level := s.LogLevel
	if level == "info" || level == "warn" {
		level = "error" // That a listener is dead is part of it.
	}
	return func(ctx context.Context, name string) (*bench.Engine, error) {
		keyFile := filepath.Join(dir, name+".db.key")
		n, err := startNode(ctx, nodeConfig{
			db: filepath.Join(dir, name+".db"), listen: "127.0.0.1:0", logger: newLogger(io.err, level),
			stopGrace: 5 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		})
		if err != nil {
			return nil, err
		}
		key, err := os.ReadFile(keyFile) //nolint:gosec // In a folder of our own.
		if err != nil {
			return nil, fmt.Errorf("read the key of the benchmark's server: %w", err)
		}
		return &bench.Engine{Manager: n.manager, URL: n.http.URL(), Key: strings.TrimSpace(string(key)), Stop: n.stop}, nil
	}
}

func printResults(w io.Writer, results []bench.Result) {
	rows := make([][]string, len(results))
	for i := range results {
		r := &results[i]
		rows[i] = []string{r.Title, r.Figure, number("%.2f", r.Ratio), orDash(r.Goal), verdict(r.Met), number("%.0f MiB", r.MemoryMiB), number("%.1f µs", r.CPUMicros)}
	}
	printTable(w, []string{"MEASURED", "FIGURE", "RATIO", "GOAL", "MET", "RESIDENT", "CPU EACH"}, rows, "Nothing was measured.")
}

func number(format string, f float64) string {
	if f == 0 {
		return "-"
	}
	return fmt.Sprintf(format, f)
}

func verdict(met *bool) string {
	switch {
	case met == nil:
		return "-"
	case *met:
		return "yes"
	default:
		return "no"
	}
}

// benchProgress shows a person what is going on: on a terminal in one line that
// changes, elsewhere a line for each case.
type benchProgress struct {
	out      io.Writer
	terminal bool
	title    string
}

func (p *benchProgress) tell(title string, done, total int) {
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\033[K%s  %d of %d", title, done, total)
	case title != p.title:
		fmt.Fprintln(p.out, "measuring:", title)
	}
	p.title = title
}

func (p *benchProgress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
