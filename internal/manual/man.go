package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Man writes the man page of an application, in roff with the macros "man".
// about is what stands behind its name, version what it is.
func Man(w io.Writer, app *kong.Application, version, about string) error {
	p := &page{}
	p.line(".TH %s 1 \"\" %s %s", strings.ToUpper(app.Name), argument(app.Name+" "+version), argument("User Commands"))
	p.line(".SH NAME\n%s \\- %s", app.Name, escaped(about))
	p.line(".SH SYNOPSIS\n.B %s\nCOMMAND [FLAG]...", app.Name)
	p.line(".SH DESCRIPTION")
	p.text(app.Help)
	p.line(".SH COMMON FLAGS\nEvery command takes these.")
	p.flags(app.Flags)
	p.line(".SH COMMANDS")
	for _, c := range commands(app) {
		if c.node.Leaf() {
			p.command(app.Name, c)
		}
	}
	p.environment(app)
	p.line(".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nFailed; a message on standard error says why, and what to do.\n.TP\n.B 2\nUsed wrongly.")
	_, err := io.WriteString(w, p.b.String())
	return err //nolint:wrapcheck // A writer's error says all there is.
}

// page is a man page in the making.
type page struct{ b strings.Builder }

// line writes roff as it is.
func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// text writes paragraphs; indented lines are examples, and keep their form.
func (p *page) text(s string) {
	example := false
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		indented := strings.HasPrefix(l, "  ")
		switch {
		case indented && !example:
			p.line(".PP\n.RS 4\n.nf")
		case !indented && l != "" && example:
			p.line(".fi\n.RE\n.PP")
		case l == "" && !example:
			p.line(".PP")
		}
		if l != "" {
			example = indented
			p.line("%s", escaped(strings.TrimPrefix(l, "  ")))
		} else if example {
			p.line("")
		}
	}
	if example {
		p.line(".fi\n.RE")
	}
}

// command writes the section of one command. Its flags are its own, and those
// of the groups that it stands in.
func (p *page) command(program string, c command) {
	synopsis := program + strings.ReplaceAll(c.path, "/", " ")
	for _, a := range c.node.Positional {
		synopsis += " " + a.Summary()
	}
	p.line(".SS %s", argument(synopsis))
	p.text(c.node.Help)
	if c.node.Detail != "" {
		p.line(".PP")
		p.text(c.node.Detail)
	}
	for _, a := range c.node.Positional {
		p.line(".TP\n.I %s", escaped(a.Summary()))
		p.line("%s", escaped(a.Help))
	}
	for n := c.node; n.Type != kong.ApplicationNode; n = n.Parent {
		p.flags(n.Flags)
	}
}

func (p *page) flags(list []*kong.Flag) {
	for _, f := range list {
		if f.Hidden {
			continue
		}
		name := strings.Join(words(f), ", ")
		if takesValue(f) {
			name += " " + strings.Trim(f.FormatPlaceHolder(), `"`)
		}
		p.line(".TP\n.B %s", escaped(name))
		help := f.Help
		if f.HasDefault && f.Default != "" && takesValue(f) {
			help += " Defaults to " + f.Default + "."
		}
		if len(f.Envs) > 0 {
			help += " Also " + strings.Join(f.Envs, ", ") + "."
		}
		p.line("%s", escaped(help))
	}
}

// environment lists the variables that stand for flags, each once.
func (p *page) environment(app *kong.Application) {
	p.line(".SH ENVIRONMENT\nA flag wins over its variable, and a variable over the file of settings.")
	seen := map[string]bool{}
	for _, c := range commands(app) {
		for _, f := range c.node.Flags {
			for _, name := range f.Envs {
				if !seen[name] && !f.Hidden {
					seen[name] = true
					p.line(".TP\n.B %s\n%s", escaped(name), escaped("--"+f.Name))
				}
			}
		}
	}
}

// escaped makes text safe to stand on a line of its own: a hyphen is one that
// can be copied, no first character is a command, and what is not ASCII is
// named, as old programs read bytes.
func escaped(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case i == 0 && (r == '.' || r == '\''):
			fmt.Fprintf(&b, `\&%c`, r)
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\n':
			b.WriteByte(' ')
		case r == '…':
			b.WriteString("...") // Few terminals' fonts of roff have it.
		case r > 127:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// argument makes text one argument of a macro.
func argument(s string) string { return `"` + strings.ReplaceAll(escaped(s), `"`, `""`) + `"` }
