// Package archtest holds the direction of imports: vocabulary ← drivers and
// stages ← engine ← server ← cmd. It parses the sources, because a test that
// asked the go command would stay green from the test cache after a bad import.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/alma-events/alma"

// rule says what a package may import of this module, and of other modules.
type rule struct {
	own    []string
	others []string // Prefixes; "*" for any.
}

// std is the rule of packages that depend on the standard library alone.
func std(own ...string) rule { return rule{own: own} }

// allowed is the architecture. A package that is not listed fails the test, so
// that its place is thought about when it is made. Test files are free, except
// that they may not import what imports them.
var allowed = map[string]rule{
	".":        std(),
	"events":   std("."),
	"wire":     std(".", "exlibris"),
	"exlibris": std("."),
	"receive":  std(".", "wire"),
	"memory":   std(".", "events"),
	"almatest": std(".", "wire", "events"),

	"storage/sqlite":      {own: []string{".", "internal/failed", "internal/secret", "internal/sealed"}, others: []string{"modernc.org/sqlite", "golang.org/x/sys"}},
	"storage/postgres":    {own: []string{".", "internal/failed", "internal/secret", "internal/sealed"}, others: []string{"github.com/jackc/pgx/v5", "github.com/jackc/puddle/v2", "golang.org/x/text"}},
	"storage/storagetest": {own: []string{"."}, others: []string{"github.com/google/go-cmp"}},

	// For tests alone.
	"internal/nodetest":    {own: []string{".", "storage/sqlite"}},
	"internal/clustertest": std(),

	// Helpers.
	"internal/backoff":  std(),
	"internal/cluster":  std("."),
	"internal/failed":   std("."),
	"internal/secret":   std(),
	"internal/sealed":   std(".", "internal/secret"),
	"internal/netguard": {own: []string{"."}, others: []string{"code.dny.dev/ssrf"}},

	// For tests of ours.
	"internal/programtest": std(),
	"internal/pgtest":      {others: []string{"github.com/jackc/pgx/v5"}},
	"internal/otlptest":    {others: []string{"go.opentelemetry.io/proto", "google.golang.org/protobuf"}},

	// The stages: what flows between them is in flow, and none imports another.
	"internal/flow":   std(".", "wire"),
	"internal/match":  {own: []string{".", "internal/flow"}, others: []string{"cel.dev/cel-go"}},
	"internal/tail":   std("."),
	"internal/lane":   {own: []string{".", "wire", "internal/flow", "internal/backoff"}, others: []string{"golang.org/x/time/rate"}},
	"internal/meter":  std(".", "internal/flow"),
	"internal/send":   {own: []string{".", "internal/netguard"}},
	"internal/settle": std(".", "internal/flow"),

	// The engine composes the stages.
	"webhook": std(".", "events", "wire", "internal/backoff", "internal/cluster", "internal/netguard",
		"internal/flow", "internal/match", "internal/meter", "internal/tail", "internal/lane", "internal/send", "internal/settle"),

	// Traces: the engine knows an interface, OpenTelemetry is known here. Programs
	// bring a provider of their own; the server's sends by OTLP.
	"tracing":            {own: []string{".", "webhook"}, others: []string{"go.opentelemetry.io/otel"}},
	"internal/telemetry": {own: []string{".", "tracing"}, others: []string{"go.opentelemetry.io/otel"}},

	// The command line, described to shells and readers.
	"internal/manual": {others: []string{"github.com/alecthomas/kong"}},

	// The file of the Python library, for those who come from there.
	"internal/pythonfile": {own: []string{"."}, others: []string{"modernc.org/sqlite"}},

	// E-mail about what the engine has given up, and what it announces.
	"internal/mail": {own: []string{".", "webhook"}, others: []string{"github.com/wneessen/go-mail"}},

	// The server speaks HTTP, and calls public packages only.
	"internal/server":           {own: []string{"."}},
	"internal/server/metrics":   {own: []string{".", "webhook"}, others: []string{"github.com/prometheus/client_golang"}},
	"internal/server/inbound":   std(".", "wire"),
	"internal/server/session":   std(),
	"internal/server/dashboard": std(".", "internal/server/session", "wire"),
	"internal/server/api":       {own: []string{".", "events", "memory", "webhook", "wire", "internal/secret", "internal/server/session"}, others: []string{"github.com/danielgtaylor/huma/v2", "golang.org/x/time/rate"}},

	// The benchmark drives the engine as its users do.
	"internal/crashtest": std(),
	"internal/bench":     {own: []string{".", "events", "webhook"}, others: []string{"golang.org/x/sync"}},

	"cmd/alma": {own: []string{"*"}, others: []string{"*"}},
}

func TestImportsFollowTheArchitecture(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	seen := map[string]bool{}
	for file, pkg := range sources(t, root) {
		if strings.HasPrefix(pkg, "examples/") || pkg == "examples" {
			continue // They import what a user would.
		}
		r, listed := allowed[pkg]
		if !listed {
			t.Errorf("package %s has no place in the architecture: add it to the table of this test", pkg)
			continue
		}
		seen[pkg] = true
		for _, imported := range importsOf(t, file) {
			if !r.allows(imported) {
				t.Errorf("%s: package %s may not import %s", strings.TrimPrefix(file, root+"/"), pkg, imported)
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(allowed)) {
		if !seen[pkg] {
			t.Errorf("the table lists package %s, which does not exist", pkg)
		}
	}
}

func (r rule) allows(imported string) bool {
	if imported == module || strings.HasPrefix(imported, module+"/") {
		own := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		if own == "" {
			own = "."
		}
		return slices.Contains(r.own, own) || slices.Contains(r.own, "*")
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true // The standard library.
	}
	return slices.ContainsFunc(r.others, func(prefix string) bool {
		return prefix == "*" || imported == prefix || strings.HasPrefix(imported, prefix+"/")
	})
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources returns the Go files that are not tests, with their packages.
func sources(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, filepath.Dir(file))
		out[file] = path.Clean(filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, imported)
	}
	return out
}
