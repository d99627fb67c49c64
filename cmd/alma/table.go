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
// than the terminal. All others hold what people copy, and are never cut: then
// rather the terminal breaks the lines.
var elastic = map[string]int{"TEXT": 12, "URL": 12, "LAST ERROR": 12, "DESCRIPTION": 11, "MEMORY": 12, "NAME": 8}

// printTable prints rows under headers, lined up. Without rows it says what
// would make some.
func printTable(w io.Writer, headers []string, rows [][]string, empty string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, empty)
		return
	}
	widths := fit(headers, columnWidths(headers, rows), terminalWidth(w))
	fmt.Fprintln(w, style(w, bold, tableLine(headers, widths)))
	for _, row := range rows {
		fmt.Fprintln(w, tableLine(row, widths))
	}
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
	total := columnGap * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	for ; total > limit; total-- {
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

func tableLine(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		cell = shorten(visible(cell), widths[i])
		b.WriteString(cell + strings.Repeat(" ", max(0, widths[i]-lipgloss.Width(cell))+columnGap))
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
