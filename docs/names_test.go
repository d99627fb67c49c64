package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// names are what the module declares: by package the names of everything in it
// (fields and methods as "Type.Name"), and of all packages the tests.
type names struct {
	packages map[string]map[string]bool
	members  map[string]bool // "Type.Name", of whatever package.
	tests    map[string]bool
}

var (
	inline    = regexp.MustCompile("`([^`\n]+)`")
	qualified = regexp.MustCompile(`\b([a-z]\w*)\.([A-Z]\w*)(?:\.(\w+))?`)
	member    = regexp.MustCompile(`(?:^|[^.\w])([A-Z][a-z]\w*)\.(\w+)`)
	test      = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
)

// TestNamesExist: types, functions, fields and tests that the documents name
// are there.
func TestNamesExist(t *testing.T) {
	t.Parallel()
	declared := declarations(t)
	for name, text := range documents(t) {
		for _, code := range inline.FindAllStringSubmatch(prose(text), -1) {
			for _, missing := range declared.missing(code[1]) {
				t.Errorf("%s names %s, which does not exist", name, missing)
			}
		}
	}
}

func (n *names) missing(code string) []string {
	var list []string
	for _, m := range qualified.FindAllStringSubmatch(code, -1) {
		pkg := n.packages[m[1]]
		if pkg == nil {
			continue // No package of ours: a variable, or the standard library.
		}
		if !pkg[m[2]] || m[3] != "" && !pkg[m[2]+"."+m[3]] {
			list = append(list, m[0])
		}
	}
	for _, m := range member.FindAllStringSubmatch(code, -1) {
		const python = "MemoryEventType" // The table of names has it on the other side.
		if m[1] != python && !n.members[m[1]+"."+m[2]] {
			list = append(list, m[1]+"."+m[2])
		}
	}
	for _, m := range test.FindAllString(code, -1) {
		if !n.tests[m] {
			list = append(list, m)
		}
	}
	return list
}

// declarations reads the sources, those of the examples left out.
func declarations(t *testing.T) *names {
	t.Helper()
	n := &names{packages: map[string]map[string]bool{}, members: map[string]bool{}, tests: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != root
		if d.IsDir() && (hidden || d.Name() == "testdata" || d.Name() == "examples" || d.Name() == "docs") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		n.add(file, strings.HasSuffix(path, "_test.go"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *names) add(file *ast.File, isTest bool) {
	pkg := n.packages[file.Name.Name]
	if pkg == nil {
		pkg = map[string]bool{}
		n.packages[file.Name.Name] = pkg
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
				n.members[name] = true
			} else if isTest {
				n.tests[name] = true
			}
			pkg[name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				n.addSpec(pkg, spec)
			}
		}
	}
}

func (n *names) addSpec(pkg map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			pkg[name.Name] = true
		}
	case *ast.TypeSpec:
		pkg[s.Name.Name] = true
		for _, field := range fields(s.Type) {
			pkg[s.Name.Name+"."+field] = true
			n.members[s.Name.Name+"."+field] = true
		}
	}
}

// fields returns the names in a struct or an interface.
func fields(t ast.Expr) []string {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return nil
	}
	var out []string
	for _, f := range list.List {
		for _, name := range f.Names {
			out = append(out, name.Name)
		}
	}
	return out
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	default:
		return ""
	}
}
