package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

const fishHead = `# Completion of %[1]s for fish. Load it with: %[1]s completion fish | source
function __%[1]s_at
    set -l at ''
    set -l flag ''
    for word in (commandline -opc)[2..]
        if test -n "$flag"
            set flag ''
            continue
        end
        switch "$at/$word"
            case %[2]s
                set at "$at/$word"
                continue
        end
        switch "$word"
            case %[3]s
                set flag "$word"
        end
    end
    test "$at" = "$argv[1]"
end
`

func fish(b *strings.Builder, app *kong.Application) {
	list := commands(app)
	fmt.Fprintf(b, fishHead, app.Name, fishWords(paths(list)), fishWords(valued(list)))
	for _, c := range list {
		line := fmt.Sprintf("complete -c %s -n %s", app.Name, fishQuoted("__"+app.Name+"_at "+fishQuoted(c.path)))
		for _, o := range c.describedNext() {
			fmt.Fprintf(b, "%s -f -a %s -d %s\n", line, fishQuoted(o.word), fishQuoted(o.help))
		}
		for _, f := range c.flags() {
			fmt.Fprintf(b, "%s%s -d %s\n", line, fishFlag(f), fishQuoted(f.Help))
		}
	}
}

func fishFlag(f *kong.Flag) string {
	s := ""
	for _, w := range words(f) {
		if long, ok := strings.CutPrefix(w, "--"); ok {
			s += " -l " + long
		} else {
			s += " -s " + strings.TrimPrefix(w, "-")
		}
	}
	switch known := values(f.Value); {
	case len(known) > 0:
		return s + " -x -a " + fishQuoted(strings.Join(known, " "))
	case takesValue(f):
		return s + " -r"
	}
	return s
}

// fishQuoted puts text into single quotes as fish reads them.
func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func fishWords(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fishQuoted(s)
	}
	return strings.Join(out, " ")
}
