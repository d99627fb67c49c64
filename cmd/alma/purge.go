package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

type purgeCmd struct {
	Memory  string `help:"What is about this memory or record." placeholder:"ID"`
	Agent   string `help:"What this agent caused."`
	Project string `help:"What lies in this project."`
	period
	DryRun bool   `help:"Only count what would be erased."`
	Yes    bool   `help:"Do not ask." short:"y"`
	Output string `help:"table or json." enum:"table,json" default:"table" short:"o" env:"ALMA_OUTPUT"`
}

// Help says more than the list of flags.
func (*purgeCmd) Help() string {
	return `Erases the data of events, the memories, and what was sent and answered, for good.
Ids, types, times and outcomes stay. Several flags select what fits all of them.
How far it is, is shown meanwhile. One that was cut short has erased a part: repeat
the command for the rest. Example:

  alma purge --agent anna --until 2026-01-28T00:00:00Z --dry-run`
}

// purgeAnswer is what was erased, or would be.
type purgeAnswer struct {
	DryRun     bool   `json:"dry_run"`
	Events     int64  `json:"events"`
	Memories   int64  `json:"memories"`
	Attempts   int64  `json:"attempts"`
	Deliveries int64  `json:"deliveries"`
	Remains    string `json:"remains"`
}

func (a *purgeAnswer) String() string {
	return fmt.Sprintf("%s, %s, what was exchanged in %s; %s", plural(a.Events, "event"), plural(a.Memories, "memor"),
		plural(a.Attempts, "attempt"), plural(a.Deliveries, "pending deliver"))
}

// plural counts things; words that end in a consonant and y are given without it.
func plural(n int64, word string) string {
	one, many := "", "s"
	if strings.HasSuffix(word, "memor") || strings.HasSuffix(word, "deliver") {
		one, many = "y", "ies"
	}
	if n == 1 {
		return fmt.Sprintf("%d %s%s", n, word, one)
	}
	return fmt.Sprintf("%d %s%s", n, word, many)
}

// Run erases.
func (c *purgeCmd) Run(ctx context.Context, conn *connection, io stdio) error {
	body := map[string]any{}
	for name, value := range map[string]string{"memory_id": c.Memory, "agent": c.Agent, "project_id": c.Project, "since": string(c.Since), "until": string(c.Until)} {
		if value != "" {
			body[name] = value
		}
	}
	if len(body) == 0 {
		return usagef("name what is to be erased: --memory, --agent, --project, --since or --until")
	}
	patient := conn.patient(24 * time.Hour) // The server works until it is done, and tells how far it is.
	p := purging{dryRun: c.DryRun}
	if !c.DryRun && !c.Yes {
		var err error
		if p.of, err = confirmPurge(ctx, patient, io, body); err != nil {
			return err
		}
	}
	answer, err := callPurge(ctx, patient, io, body, p)
	if err != nil {
		return err
	}
	return c.print(io, answer)
}

func (c *purgeCmd) print(io stdio, answer *purgeAnswer) error {
	if c.Output == "json" {
		return printJSON(io.out, answer)
	}
	if c.DryRun {
		fmt.Fprintf(io.out, "Would erase %s would fail.\n", answer)
		return nil
	}
	fmt.Fprintf(io.out, "Erased %s failed.\n", answer)
	if answer.Remains != "" {
		fmt.Fprintln(io.err, "Note:", answer.Remains)
	}
	return nil
}

// confirmPurge asks a person, with the counts at hand. Where nobody can answer,
// --yes is needed. It returns what was counted.
func confirmPurge(ctx context.Context, conn *connection, io stdio, filter map[string]any) (*purgeAnswer, error) {
	if !canAnswer(io.in) {
		return nil, usagef("this erases data for good, and nobody is there to ask: give --yes, or --dry-run to count first")
	}
	would, err := callPurge(ctx, conn, io, filter, purging{dryRun: true})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(io.err, "This erases %s fail. It cannot be undone. Erase? [y/N] ", would)
	line, _ := bufio.NewReader(io.in).ReadString('\n') // Without an answer it is a no.
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return nil, errors.New("nothing was erased")
	}
	return would, nil
}

// canAnswer reports whether a person types what in reads.
func canAnswer(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
