// Package docs holds the documents, and the tests that keep them true: links
// lead somewhere, code is code that runs, and names exist.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// wanted are the documents without which the others make no sense, under docs/.
var wanted = []string{
	"architecture", "audit", "concepts", "contributing", "dashboard", "decisions", "faq", "guarantees", "library", "migrating",
	"monitoring", "networks", "operational-events", "operations", "performance", "rest", "secrets", "sources", "formats/README",
}

// documents returns the names of all documents and what they hold.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/formats/*.md", "examples/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			docs[name] = read(t, name)
		}
	}
	for _, name := range []string{"README.md", "CHANGELOG.md", "examples/README.md"} {
		if docs[filepath.Join(root, name)] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range wanted {
		if docs[filepath.Join(root, "docs", name+".md")] == "" {
			t.Errorf("docs/%s.md is missing", name)
		}
	}
	return docs
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

var (
	codeBlock = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// prose returns a document without its blocks of code.
func prose(text string) string { return codeBlock.ReplaceAllString(text, "") }

// blocks returns the blocks of code in a language.
func blocks(text, language string) []string {
	var list []string
	for _, m := range codeBlock.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			list = append(list, m[2])
		}
	}
	return list
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for name, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file := name
			if target != "" {
				file = filepath.Join(filepath.Dir(name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s links to %s, where there is no such heading", name, m[1])
			}
		}
	}
}

// anchors returns the anchors of a document's headings, as code hosts make them.
func anchors(text string) []string {
	var list []string
	for _, m := range heading.FindAllStringSubmatch(prose(text), -1) {
		kept := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
				return r
			default:
				return -1
			}
		}, strings.ToLower(m[1]))
		list = append(list, kept)
	}
	return list
}

func TestNoPathOfAMachine(t *testing.T) {
	t.Parallel()
	machine := regexp.MustCompile(`(^|[\s"'(=\x60])(/(root|home|work|tmp|Users|mnt|opt|var|private)/|[A-Z]:\\)`)
	for name, text := range documents(t) {
		for i, line := range strings.Split(text, "\n") {
			if machine.MatchString(line) {
				t.Errorf("%s:%d names a path of one machine: %s", name, i+1, line)
			}
		}
	}
}

// TestCodeIsOfTheExamples: what stands in a document as Go is part of a program
// that is compiled and run.
func TestCodeIsOfTheExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, file := range files {
		programs = append(programs, read(t, file))
	}
	for name, text := range documents(t) {
		if filepath.Base(filepath.Dir(name)) == "formats" {
			continue // TestSnippetsVerify runs what stands there.
		}
		for _, block := range blocks(text, "go") {
			if !slices.ContainsFunc(programs, func(p string) bool { return strings.Contains(p, block) }) {
				t.Errorf("%s shows code that is in no example:\n%s", name, block)
			}
		}
	}
	quickstart := read(t, filepath.Join(root, "examples", "quickstart", "main.go"))
	if !slices.Contains(blocks(read(t, filepath.Join(root, "README.md")), "go"), quickstart) {
		t.Error("README.md does not hold the whole of examples/quickstart/main.go")
	}
}
