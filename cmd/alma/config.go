package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFlag names a file of settings. An empty name, as of a variable that a
// compose file passes on although nobody has set it, names none.
type configFlag string

// BeforeResolve has the file answer for flags that are not given.
func (c configFlag) BeforeResolve(app *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	name, ok := ctx.FlagValue(trace.Flag).(configFlag)
	if !ok || name == "" {
		return nil
	}
	file, err := app.LoadConfig(string(name))
	if err != nil {
		return err //nolint:wrapcheck // readConfig says what is wrong.
	}
	ctx.AddResolver(file)
	return nil
}

// readConfig reads a file of settings: "name: value" lines in YAML, the names
// being those of the flags. Flags and variables win over it. A name that is no
// flag is refused, so that a typing error does not go unnoticed.
func readConfig(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && err != io.EOF { //nolint:errorlint // Decode returns io.EOF itself.
		return nil, fmt.Errorf("the config file cannot be read: %w", err)
	}
	return &configFile{values}, nil
}

type configFile struct{ values map[string]any }

// Validate implements [kong.Resolver].
func (f *configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	kong.Visit(app, func(node kong.Visitable, next kong.Next) error { //nolint:errcheck // The function below never fails.
		if flag, ok := node.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	for name := range f.values {
		if isSection(name) {
			continue // See declared.go.
		}
		if !known[strings.ReplaceAll(name, "_", "-")] {
			return fmt.Errorf("the config file names %q, which is no setting; \"alma serve --help\" lists them", name)
		}
	}
	return nil
}

// Resolve implements [kong.Resolver].
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // The variable wins; kong asks files last, but would let them win.
		}
	}
	for _, name := range []string{flag.Name, strings.ReplaceAll(flag.Name, "-", "_")} {
		value, ok := f.values[name]
		if list, many := value.([]any); many {
			return joined(list), nil
		}
		if ok {
			return fmt.Sprint(value), nil
		}
	}
	return nil, nil //nolint:nilnil // kong's way to say that there is no value.
}

func joined(list []any) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ",")
}
