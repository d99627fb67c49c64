package manual

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// command is a node of the command line: the program itself, a group of
// commands, or a command.
type command struct {
	path string // "/webhook/add"; "" for the program.
	node *kong.Node
}

// commands returns all of them, each before those below it.
func commands(app *kong.Application) []command {
	list := []command{{"", app.Node}}
	for i := 0; i < len(list); i++ {
		at := list[i]
		var below []command
		for _, child := range at.node.Children {
			if !child.Hidden && child.Type == kong.CommandNode {
				below = append(below, command{at.path + "/" + child.Name, child})
			}
		}
		list = slices.Insert(list, i+1, below...)
	}
	return list
}

// children returns the commands right below.
func (c command) children() []*kong.Node {
	return slices.DeleteFunc(slices.Clone(c.node.Children), func(n *kong.Node) bool { return n.Hidden })
}

// flags returns the flags that the command takes, its own first.
func (c command) flags() []*kong.Flag {
	var list []*kong.Flag
	for n := c.node; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if !f.Hidden {
				list = append(list, f)
			}
		}
	}
	return list
}

// words are what may be typed for a flag.
func words(f *kong.Flag) []string {
	list := []string{"--" + f.Name}
	for _, alias := range f.Aliases {
		list = append(list, "--"+alias)
	}
	if f.Short != 0 {
		list = append(list, "-"+string(f.Short))
	}
	if f.IsBool() && f.Tag != nil && f.Tag.Negatable != "" {
		list = append(list, "--no-"+f.Name)
	}
	return list
}

// takesValue reports whether the word after the flag belongs to it.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// values returns what a flag or an argument may be, when that is a closed set.
func values(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return slices.DeleteFunc(v.EnumSlice(), func(s string) bool { return s == "" })
}

// arguments returns the values of the command's first argument.
func (c command) arguments() []string {
	if len(c.node.Positional) == 0 {
		return nil
	}
	return values(c.node.Positional[0])
}

// valued returns the words of all flags that take a value, sorted.
func valued(list []command) []string {
	set := map[string]bool{}
	for _, c := range list {
		for _, f := range c.node.Flags {
			for _, w := range words(f) {
				if takesValue(f) {
					set[w] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// paths returns the paths of the commands, the program's left out.
func paths(list []command) []string {
	var out []string
	for _, c := range list[1:] {
		out = append(out, c.path)
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// quoted puts text into single quotes as bash and zsh read them.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// patterns joins words to one pattern of a case.
func patterns(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return strings.Join(out, "|")
}
