// Command alma serves the Alma event system, and speaks to a running server.
//
// `alma demo` shows all of it at work; `alma help` lists the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/alma-events/alma/wire"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	tuneCollector()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second Ctrl-C ends what the first one asked to finish.
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// run parses the arguments and runs the command; it returns the exit code.
func run(ctx context.Context, args []string, io stdio) int {
	quietLibraryLog(io.err)
	var c cli
	exit := -1
	help := io.out
	if len(args) == 0 {
		help = io.err
	}
	parser, err := newParser(&c, help, io.err, func(code int) { exit = code })
	if err != nil {
		fmt.Fprintln(io.err, "alma:", err)
		return exitFailed
	}
	kctx, err := parser.Parse(habits(args))
	switch {
	case len(args) == 0:
		return exitUsage
	case exit >= 0:
		return exit // --help was asked for, and printed.
	}
	if err != nil {
		fmt.Fprintf(io.err, "alma: %v\nRun \"alma %s--help\" to see what is expected.\n", err, commandOf(err))
		return exitUsage
	}
	if err := refuseKeysInArguments(kctx); err != nil {
		report(io.err, err)
		return exitUsage
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	kctx.Bind(io)
	if err := kctx.Run(&c.connection, &c.settings); err != nil {
		report(io.err, err)
		var usage *usageError
		if errors.As(err, &usage) {
			return exitUsage
		}
		return exitFailed
	}
	return exitDone
}

func newParser(c *cli, help, errs io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(c, //nolint:wrapcheck // A wrong tag, which every test would find.
		kong.Name("alma"),
		kong.Description("Events and webhooks for agents' memories and library platforms: durable, signed, retried, accounted for."),
		kong.Vars{"version": wire.Version},
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(help, errs),
		kong.Exit(exit),
		kong.Configuration(readConfig),
	)
}

// habits turns what people type out of habit into what the parser knows: "help
// serve", "--version", and nothing at all.
func habits(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// commandOf names the command that a usage error is about, for the hint.
func commandOf(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		return strings.TrimPrefix(parse.Context.Selected().FullPath(), "alma ") + " "
	}
	return ""
}

// usageError is a wrong use that the parser cannot see.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
