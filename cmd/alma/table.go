package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// columnGap is the space between columns.
const columnGap = 2

// elastic columns give way, down to so many characters, where a table is wider
// than the terminal. All others hold what people copy, and are never cut: where
// they do not fit beside one another, they are printed one below the other.
var elastic = map[string]int{"TEXT": 12, "URL": 12, "LAST ERROR": 12, "DESCRIPTION": 11, "MEMORY": 12, "NAME": 8}

// printTable prints rows under headers, lined up. Without rows it says what
// would make some.
func printTable(w io.Writer, headers []string, rows [][]string, empty string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, empty)
		return
	}
	limit := terminalWidth(w)
	widths := fit(headers, columnWidths(headers, rows), limit)
	if limit > 0 && tableWidth(widths) > limit {
		printRecords(w, headers, rows, limit)
		return
	}
	fmt.Fprintln(w, style(w, bold, tableLine(headers, widths)))
	for _, row := range rows {
		fmt.Fprintln(w, paintedLine(w, row, widths))
	}
}

// states are the words that a terminal shows in colour, besides saying them.
var states = map[string]lipgloss.Style{
	"SUCCESS": green, "active": green, "healthy": green, "done": green,
	"PENDING": amber, "SUPPRESSED": amber, "paused": amber, "pending_activation": amber, "running": amber,
	"FAILED": red, "failing": red, "disabled": red, "failed": red, "canceled": red,
}

// paint colours a cell that says how something is doing.
func paint(w io.Writer, cell string) string {
	if s, ok := states[cell]; ok {
		return style(w, s, cell)
	}
	return cell
}

// paintedLine is tableLine with the states in colour.
func paintedLine(w io.Writer, cells []string, widths []int) string {
	return layOut(cells, widths, func(cell string) string { return paint(w, cell) })
}

func columnWidths(headers []string, rows [][]string) []int {
	widths := make([]int, len(headers))
	for i, h := range headers {
		widths[i] = lipgloss.Width(h)
		for _, row := range rows {
			widths[i] = max(widths[i], lipgloss.Width(visible(row[i])))
		}
	}
	return widths
}

// fit narrows elastic columns, always the widest one, until the table is no
// wider than limit, or none can give way any more. A limit of 0 is none.
func fit(headers []string, widths []int, limit int) []int {
	if limit == 0 {
		return widths
	}
	for total := tableWidth(widths); total > limit; total-- {
		widest := -1
		for i, h := range headers {
			if least, ok := elastic[h]; ok && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

func tableWidth(widths []int) int {
	total := columnGap * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	return total
}

// printRecords prints rows that are wider than the terminal: a line for each
// column, and an empty one between rows.
func printRecords(w io.Writer, headers []string, rows [][]string, limit int) {
	name := 0
	for _, h := range headers {
		name = max(name, lipgloss.Width(h))
	}
	for i, row := range rows {
		if i > 0 {
			fmt.Fprintln(w)
		}
		for k, cell := range row {
			cell = visible(cell)
			if _, ok := elastic[headers[k]]; ok {
				cell = shorten(cell, max(1, limit-name-columnGap))
			}
			fmt.Fprintln(w, style(w, faint, tableLine(headers[k:k+1], []int{name}))+strings.Repeat(" ", name-lipgloss.Width(headers[k])+columnGap)+paint(w, cell))
		}
	}
}

func tableLine(cells []string, widths []int) string {
	return layOut(cells, widths, func(cell string) string { return cell })
}

// layOut puts cells beside one another. What paint adds takes no room.
func layOut(cells []string, widths []int, paint func(string) string) string {
	var b strings.Builder
	for i, cell := range cells {
		cell = shorten(visible(cell), widths[i])
		b.WriteString(paint(cell) + strings.Repeat(" ", max(0, widths[i]-lipgloss.Width(cell))+columnGap))
	}
	return strings.TrimRight(b.String(), " ")
}

// terminalWidth returns how many characters fit into a line; 0 when nobody
// looks.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd())) //nolint:forcetypeassert // isTerminal looked.
	if err != nil {
		return 0
	}
	return width
}
