package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// said is a command that people are told to use, and where.
type said struct{ where, line string }

// TestWhatIsSaidCanBeTyped: documents, pages of the dashboard, help texts and
// messages name no command, flag or argument that the program does not take.
func TestWhatIsSaidCanBeTyped(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "alma.yaml")
	if err := os.WriteFile(config, []byte("log-level: info\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parser := testParser(t)
	for kind, list := range map[string][]said{
		"documents": saidInDocuments(t), "pages": saidInPages(t), "help": saidInHelp(t), "messages": saidInMessages(t),
	} {
		if len(list) < 5 {
			t.Errorf("%s say %d commands: they are not found any more", kind, len(list))
		}
		for _, s := range list {
			args, ok := typed(s.line)
			if !ok {
				t.Errorf("%s: %s: it cannot be read as a command", s.where, s.line)
				continue
			}
			if err := understood(parser, args, config); err != nil {
				t.Errorf("%s: %s: %v", s.where, s.line, err)
			}
		}
	}
}

// understood reports what the parser has against arguments. A command that is
// merely named, without flags, need not be complete.
func understood(p *kong.Kong, args []string, config string) error {
	for i, arg := range args {
		if i > 0 && args[i-1] == "--config" {
			args[i] = config // The parser reads it.
		}
		if arg == "--help" {
			args = args[:i]
			break
		}
	}
	node, rest := p.Model.Node, args
	for len(rest) > 0 {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == rest[0] })
		if i < 0 {
			break
		}
		node, rest = node.Children[i], rest[1:]
	}
	if len(rest) == 0 {
		return nil
	}
	_, err := p.Parse(habits(args))
	return err
}

func testParser(t *testing.T) *kong.Kong {
	t.Helper()
	var c cli
	p, err := newParser(&c, io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// typed splits a line as a shell would, and returns the arguments of alma in it:
// those before a pipe, a redirection or the next command.
func typed(line string) (args []string, ok bool) {
	words := shellWords(line)
	start := slices.IndexFunc(words, func(w string) bool { return w == "alma" || w == "./alma" })
	if start < 0 {
		return nil, false
	}
	words = words[start+1:]
	if end := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, "|>;&") && len(w) < 3 }); end >= 0 {
		words = words[:end]
	}
	return words, true
}

// shellWords knows quotes and nothing else of a shell.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range strings.ReplaceAll(line, "\\\n", " ") {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && (r == ' ' || r == '\n' || r == '\t'):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

var (
	saidInline = regexp.MustCompile("`((?:[A-Z_]+=\\S+ )*(?:\\./)?alma [^`]+)`")
	saidBlock  = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
	saidPage   = regexp.MustCompile(`(?s)<(?:code|pre)[^>]*>([^<]*)</`)
	saidQuoted = regexp.MustCompile(`"(alma [^"]+)"`)
	saidColon  = regexp.MustCompile(`(?:: |with |by )(alma [a-z][^;)\n]*)`)
	saidLine   = regexp.MustCompile(`(?m)^ +((?:\S+=\S+ |.*\| )?alma .*)$`)
	aCommand   = regexp.MustCompile(`(?m)^(?:\S+=\S+ |.*\| )*(?:\./)?alma .*(?:\n  .*)*`)
	action     = regexp.MustCompile(`{{[^}]*}}`)
)

func saidInDocuments(t *testing.T) (list []said) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/formats/*.md", "examples/*.md"} {
		for name, text := range texts(t, filepath.Join("..", "..", pattern)) {
			for _, m := range saidBlock.FindAllStringSubmatch(text, -1) {
				for _, line := range aCommand.FindAllString(m[1], -1) {
					list = append(list, said{name, line})
				}
			}
			for _, m := range saidInline.FindAllStringSubmatch(saidBlock.ReplaceAllString(text, ""), -1) {
				list = append(list, said{name, strings.ReplaceAll(m[1], "\n", " ")})
			}
		}
	}
	return list
}

func saidInPages(t *testing.T) (list []said) {
	t.Helper()
	for name, text := range texts(t, filepath.Join("..", "..", "internal", "server", "dashboard", "templates", "*.html")) {
		for _, m := range saidPage.FindAllStringSubmatch(text, -1) {
			code := html.UnescapeString(action.ReplaceAllString(m[1], "X"))
			for _, line := range aCommand.FindAllString(code, -1) {
				list = append(list, said{name, line})
			}
		}
	}
	return list
}

func saidInHelp(t *testing.T) (list []said) {
	t.Helper()
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		texts := []string{n.Help, n.Detail}
		for _, f := range n.Flags {
			texts = append(texts, f.Help)
		}
		for _, text := range texts {
			for _, m := range saidLine.FindAllStringSubmatch(text, -1) {
				list = append(list, said{"help of " + n.Path(), m[1]})
			}
			list = append(list, saidInText("help of "+n.Path(), text)...)
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(testParser(t).Model.Node)
	return list
}

func saidInText(where, text string) (list []said) {
	for _, r := range []*regexp.Regexp{saidQuoted, saidColon} {
		for _, m := range r.FindAllStringSubmatch(text, -1) {
			list = append(list, said{where, m[1]})
		}
	}
	return list
}

// saidInMessages looks through the texts of the programs.
func saidInMessages(t *testing.T) (list []said) {
	t.Helper()
	for _, pattern := range []string{"*.go", "../../webhook/*.go", "../../storage/*/*.go", "../../internal/*/*.go", "../../internal/server/*/*.go"} {
		for name, source := range texts(t, pattern) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if _, isTag := n.(*ast.StructType); isTag {
					return false // Help texts: the parser knows them.
				}
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						list = append(list, saidInText(name, filledIn(text))...)
					}
				}
				return true
			})
		}
	}
	return list
}

var verb = regexp.MustCompile(`%(?:\[\d\])?[a-z]`)

// filledIn is a text of the program's with something for what it is given: by a
// verb, or behind its end.
func filledIn(text string) string {
	text = strings.ReplaceAll(text, "alma %s--help", "alma --help") // A command, or none.
	if strings.HasSuffix(text, " ") {
		text += "X"
	}
	return verb.ReplaceAllString(text, "X")
}

// texts returns the files of a pattern.
func texts(t *testing.T, pattern string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.ToSlash(name)] = string(text)
	}
	return found
}
