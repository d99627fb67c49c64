package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// report prints an error for a person: several that were joined, one by one.
func report(w io.Writer, err error) {
	for _, one := range partsOf(err) {
		fmt.Fprintln(w, "alma:", strings.TrimPrefix(one.Error(), "alma: "))
	}
}

// partsOf returns the errors that errors.Join put together, or the error itself.
func partsOf(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") {
		return []error{err}
	}
	texts := make([]string, 0, 2)
	for _, one := range j.Unwrap() {
		texts = append(texts, one.Error())
	}
	if strings.Join(texts, "\n") != err.Error() { // One that wraps several has words of its own.
		return []error{err}
	}
	return j.Unwrap()
}

// isTerminal reports whether a person looks at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// style renders text in a colour, on a terminal only, and not where the person
// asked for none (no-color.org).
func style(w io.Writer, s lipgloss.Style, text string) string {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	return s.Render(text)
}

var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
	green = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	red   = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
	amber = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
)

// printJSON prints a value, indented.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

// page is a listing as the server answers it.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// printPage prints a listing as a table or as JSON.
func printPage(io stdio, l listing, raw json.RawMessage, headers []string, row func(item json.RawMessage) ([]string, error), empty string) error {
	if l.Output == "json" {
		return printJSON(io.out, raw)
	}
	var p page[json.RawMessage]
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	rows := make([][]string, 0, len(p.Items))
	for _, item := range p.Items {
		r, err := row(item)
		if err != nil {
			return fmt.Errorf("the server's answer cannot be read: %w", err)
		}
		rows = append(rows, r)
	}
	printTable(io.out, headers, rows, empty)
	if p.Next != "" {
		fmt.Fprintf(io.out, "\nMore with --after %s\n", p.Next)
	}
	return nil
}

// moment prints a time the way a person compares it with now.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// visibleLines is visible for a text of several lines.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// visible replaces control characters: what others send must not move the
// cursor, or do worse, in the terminal of who looks at it.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r):
			return '\uFFFD'
		}
		return r
	}, s)
}

// orDash stands in for what is empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// newLogger logs as text on a terminal and as JSON otherwise.
func newLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: l}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// quietLibraryLog keeps net/http from printing what a listener sent after its
// answer: it may echo the headers of our requests, and so a secret.
func quietLibraryLog(w io.Writer) {
	log.SetOutput(&unsolicited{w})
}

type unsolicited struct{ w io.Writer }

func (u *unsolicited) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "Unsolicited response") {
		return len(p), nil
	}
	return u.w.Write(p) //nolint:wrapcheck // A writer passes errors on.
}
