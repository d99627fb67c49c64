// Package examples holds nothing but the folders of the examples, and this
// test that none of them is half there.
package examples

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEachFolderIsAnExample(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() {
			continue
		}
		if !strings.Contains(string(readme), "["+name+"]("+name+"/") {
			t.Errorf("README.md does not list %s", name)
		}
		if _, err := os.Stat(filepath.Join(name, "main_test.go")); err != nil {
			t.Errorf("%s has no test: %v", name, err)
		}
		checkComment(t, name)
	}
}

// checkComment checks that main.go begins by saying how to run it.
func checkComment(t *testing.T, name string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(name, "main.go"), nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	comment := file.Doc.Text()
	if !strings.HasPrefix(comment, "Command "+name+" ") || !strings.Contains(comment, "go run ./examples/"+name+"\n") {
		t.Errorf("%s/main.go does not begin by saying what it shows and how to run it:\n%s", name, comment)
	}
}
