package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alma-events/alma"
)

// sections are the members of the config file that are no settings, but things
// that there shall be.
var sections = []string{"sources", "webhooks", "keys"}

func isSection(name string) bool { return slices.Contains(sections, name) }

// declaredThings is what a config file declares.
type declaredThings struct {
	path  string
	body  map[string]any // By section; as POST /v1/apply takes it.
	lines map[string]int // Where each place, such as webhooks[0].url, stands.

	faults []string
}

// readDeclared reads the sections of a config file; without a file, or without
// sections in it, there are none. References to variables, ${NAME}, are replaced.
func readDeclared(path string) (*declaredThings, error) {
	d := &declaredThings{path: path, body: map[string]any{}, lines: map[string]int{}}
	if path == "" {
		return d, nil
	}
	raw, err := os.ReadFile(path) //nolint:gosec // The operator names it.
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("--config %s cannot be read: %w", path, err)
	}
	if len(file.Content) == 0 || file.Content[0].Kind != yaml.MappingNode {
		return d, nil
	}
	root := file.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if name := root.Content[i].Value; isSection(name) {
			d.body[name] = d.value(name, root.Content[i+1])
		}
	}
	return d, d.err()
}

// value turns a part of the file into what JSON has, and notes where it stands.
func (d *declaredThings) value(place string, n *yaml.Node) any {
	d.lines[place] = n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, one := range n.Content {
			list[i] = d.value(fmt.Sprintf("%s[%d]", place, i), one)
		}
		return list
	case yaml.MappingNode:
		members := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if _, twice := members[name]; twice {
				d.faultf(n.Content[i].Line, "%s.%s: stands twice; want it once", place, name)
			}
			members[name] = d.value(place+"."+name, n.Content[i+1])
		}
		return members
	}
	if n.ShortTag() == "!!str" {
		return d.expand(place, n)
	}
	var v any
	if err := n.Decode(&v); err != nil {
		d.faultf(n.Line, "%s: %v", place, err)
	}
	return v
}

var reference = regexp.MustCompile(`\$\{[^}]*\}`)

// expand replaces references to variables in a text. Their values go no further
// than into the request.
func (d *declaredThings) expand(place string, n *yaml.Node) string {
	return reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		name := ref[2 : len(ref)-1]
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			d.faultf(n.Line, "%s: the variable %s is not set", place, name)
		}
		return value
	})
}

func (d *declaredThings) faultf(line int, format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf("%s:%d: ", d.path, line)+fmt.Sprintf(format, args...))
}

func (d *declaredThings) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	return usagef("the config file declares what cannot be:\n  %s", strings.Join(d.faults, "\n  "))
}

// located says where in the file each fault stands that the server found.
func (d *declaredThings) located(err error) error {
	var faults []alma.Fault
	var refused *problem
	var invalid *alma.ValidationError
	switch {
	case errors.As(err, &refused):
		faults = refused.Errors
	case errors.As(err, &invalid):
		faults = invalid.Faults
	}
	if len(faults) == 0 {
		return err
	}
	for _, f := range faults {
		d.faultf(d.line(f.Field), "%s: %s", f.Field, f.Message)
	}
	return d.err()
}

// line finds the line of a place, or of the nearest one around it.
func (d *declaredThings) line(place string) int {
	for place != "" {
		if line, ok := d.lines[place]; ok {
			return line
		}
		place = place[:max(0, strings.LastIndexAny(place, ".["))]
	}
	return 1
}
