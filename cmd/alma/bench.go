package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/alma-events/alma/internal/bench"
	"github.com/alma-events/alma/internal/secret"
)

type benchCmd struct {
	Only    []string `help:"Run these cases alone." placeholder:"CASE"`
	Events  int      `help:"Events of a case." default:"100000"`
	Backlog int      `help:"Events behind the dead webhook; ten times --events when 0." default:"0"`
	JSON    bool     `name:"json" help:"Print JSON instead of a table."`
	Profile string   `help:"Write profiles of processor, memory, locks and scheduler into this folder, for \"go tool pprof\" and \"go tool trace\"." placeholder:"FOLDER" type:"path"`
	Dir     string   `help:"Make the databases in a new folder below this one, on the disk that is to be measured." default:"." type:"existingdir"`
}

// Help says more than the list of flags.
func (*benchCmd) Help() string {
	return `Starts a sink on loopback, measures a bare keep-alive client that posts to it,
and then the engine with the same bytes: compare ratios, not figures, and run it
when nothing else runs. The cases are ` + strings.Join(bench.Cases(), ", ") + `.
It works on databases of its own, which it removes: SQLite files, or databases
on the PostgreSQL server that --db names.

  alma bench --only append,latency --events 20000
  alma bench --db postgres://alma:secret@localhost/postgres`
}

// Run measures and prints the table.
func (c *benchCmd) Run(ctx context.Context, conn *connection, s *settings, io stdio) (err error) {
	if c.Events < 200 {
		return usagef("--events is %d; want 200 or more, for less measures nothing", c.Events)
	}
	if err := bench.CheckCases(c.Only); err != nil {
		return usagef("--only: %v", err)
	}
	databases, err := newBenchDatabases(c.Dir, conn.DB)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, databases.remove(context.WithoutCancel(ctx))) }()
	end, err := startProfile(c.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	p := &benchProgress{out: io.err, terminal: isTerminal(io.err)}
	results, err := bench.Run(ctx, bench.Config{
		Open: openBench(databases, s, io), Spawn: spawnBench(databases), Events: c.Events, Backlog: c.Backlog, Only: c.Only, Progress: p.tell,
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

// benchKey is the admin key of the benchmark's servers, which listen on loopback
// for as long as it runs.
const benchKey = "the-admin-key-of-the-benchmark"

// openBench returns how the benchmark gets its engines: whole servers of this
// program.
func openBench(databases *benchDatabases, s *settings, io stdio) func(context.Context, string) (*bench.Engine, error) {
	level := s.LogLevel
	if level == "info" || level == "warn" {
		level = "error" // That a listener is dead is part of it.
	}
	key := sealing{SecretKey: secret.FormatKey(secret.NewKey())} // The databases go with the program.
	return func(ctx context.Context, name string) (*bench.Engine, error) {
		db, err := databases.get(ctx, name)
		if err != nil {
			return nil, err
		}
		n, err := startNode(ctx, nodeConfig{
			db: db, listen: "127.0.0.1:0", firstKey: benchKey, logger: newLogger(io.err, level), sealing: key,
			stopGrace: 5 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		})
		if err != nil {
			return nil, err
		}
		return &bench.Engine{Manager: n.manager, URL: n.http.URL(), Key: benchKey, Stop: n.stop}, nil
	}
}

func printResults(w io.Writer, results []bench.Result) {
	rows := make([][]string, len(results))
	for i := range results {
		r := &results[i]
		rows[i] = []string{r.Title, r.Figure, number("%.2f", r.Ratio), bareOf(r), orDash(r.Goal), verdict(r.Met), number("%.0f MiB", r.MemoryMiB), number("%.1f µs", r.CPUMicros)}
	}
	printTable(w, []string{"MEASURED", "FIGURE", "RATIO", "BARE", "GOAL", "MET", "RESIDENT", "CPU EACH"}, rows, "Nothing was measured.")
}

// bareOf is the bare client's rate that a ratio compares with.
func bareOf(r *bench.Result) string {
	if r.Bare == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f/s", r.Bare)
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
	case p.terminal && total == 0:
		fmt.Fprint(p.out, "\r\033[K"+title)
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
