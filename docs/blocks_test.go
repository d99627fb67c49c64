//go:build unix

package docs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fenced is a block of a document, with the mark in the line before it, which is
// one of
//
//	<!-- run: SCENE -->      run it, with the others of that scene in this document
//	<!-- goes on: SCENE -->  a program that goes on: wait until it is ready
//	<!-- not run: REASON --> leave it out, and say why
//	<!-- printed: SCENE -->  above a block of text: what was printed by then
//
// The scene says what is there: see scenes. What follows its first word tells
// scenes of one kind apart.
type fenced struct {
	line       int
	language   string
	mark, note string // "run", and the scene or reason.
	body       string
}

var (
	fence = regexp.MustCompile("^( *)```(\\w*)$")
	noted = regexp.MustCompile(`^ *<!-- (run|goes on|not run|printed): (.+?) -->$`)
)

// fencedBlocks returns the blocks of a document, indented ones too.
func fencedBlocks(text string) []fenced {
	var list []fenced
	var open *fenced
	indent, before := "", ""
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open != nil && m != nil:
			list, open = append(list, *open), nil
		case open != nil:
			open.body += strings.TrimPrefix(line, indent) + "\n"
		case m != nil:
			open, indent = &fenced{line: i + 1, language: m[2]}, m[1]
			if mark := noted.FindStringSubmatch(before); mark != nil {
				open.mark, open.note = mark[1], mark[2]
			}
		}
		before = line
	}
	return list
}

// outside returns the lines of a document, those of its blocks empty.
func outside(text string) []string {
	lines, in := strings.Split(text, "\n"), false
	for i, line := range lines {
		if fence.MatchString(line) {
			in = !in
		}
		if in {
			lines[i] = ""
		}
	}
	return lines
}

// aCommand is a line that somebody would type.
var aCommand = regexp.MustCompile(`(?m)^(?:\$ )?(?:\w+=\S+ )*(?:\./)?(?:alma|go|curl|make|bash|docker|kubectl|openssl) \S`)

// notRunAnywhere are the first lines of all blocks that no test runs. Each says
// why, in its document.
var notRunAnywhere = map[string]bool{
	"README.md: bash scripts/test.sh":                                                                   true,
	"docs/operations.md: docker build -f deploy/Dockerfile -t alma .":                                   true,
	"docs/performance.md: alma bench":                                                                   true,
	"docs/performance.md: go test -run '^$' -bench 'Append|Settle|Read' -benchtime 2s ./storage/sqlite": true,
	"examples/README.md: go test ./examples/...":                                                        true,
}

// TestCommandsAreMarked: no document shows commands but in blocks that are run,
// or say why not.
func TestCommandsAreMarked(t *testing.T) {
	t.Parallel()
	left := map[string]bool{}
	for file, text := range documents(t) {
		name, _ := filepath.Rel(root, file)
		name = filepath.ToSlash(name)
		for _, b := range fencedBlocks(text) {
			first, _, _ := strings.Cut(b.body, "\n")
			switch {
			case b.language == "sh" && b.mark == "not run":
				t.Logf("%s:%d is not run: %s", name, b.line, b.note)
				left[name+": "+first] = true
			case b.language == "sh" && b.mark == "":
				t.Errorf("%s:%d: a block is neither run nor says why not:\n%s", name, b.line, b.body)
			case b.language == "sh" && scenes[kind(b.note)] == nil:
				t.Errorf("%s:%d: there is no scene %q", name, b.line, kind(b.note))
			case b.language == "bash" || b.language == "shell" || b.language == "console":
				t.Errorf("%s:%d: write ```sh, so that it is run", name, b.line)
			case (b.language == "" || b.language == "text") && aCommand.MatchString(b.body):
				t.Errorf("%s:%d: a block has commands, and is not ```sh:\n%s", name, b.line, b.body)
			}
		}
		for i, line := range outside(text) {
			if code, ok := strings.CutPrefix(line, "    "); ok && aCommand.MatchString(strings.TrimSpace(code)) {
				t.Errorf("%s:%d: write commands in a block of ```sh, not indented:\n%s", name, i+1, line)
			}
		}
	}
	for first := range left {
		if !notRunAnywhere[first] {
			t.Errorf("not run, and not in the list of such blocks: %s", first)
		}
	}
	for first := range notRunAnywhere {
		if !left[first] {
			t.Errorf("in the list of blocks that are not run, and in no document: %s", first)
		}
	}
}

// kind is the first word of a scene's name.
func kind(scene string) string {
	name, _, _ := strings.Cut(scene, " ")
	return name
}
