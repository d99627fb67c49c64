package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// bashHead finds the command on the line ("at"), and the flag whose value is
// being typed ("flag"). Bash splits --flag=value into three words.
const bashHead = `# Completion of %[1]s for bash. Load it with: source <(%[1]s completion bash)
_%[1]s() {
    local cur=${COMP_WORDS[COMP_CWORD]} at= flag= word i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $flag ]]; then
            [[ $word == = ]] || flag=
            continue
        fi
        case $at/$word in
            %[2]s) at=$at/$word; continue ;;
        esac
        case $word in
            %[3]s) flag=$word ;;
        esac
    done
    [[ $cur == = ]] && cur=
`

// bashTail offers what was found. Where that is nothing, bash offers files.
const bashTail = `    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _%[1]s %[1]s
`

func bash(b *strings.Builder, app *kong.Application) {
	list := commands(app)
	fmt.Fprintf(b, bashHead, app.Name, patterns(paths(list)), patterns(valued(list)))
	b.WriteString("    local words=\n    if [[ -n $flag ]]; then\n        case $at:$flag in\n")
	closedSets(b, list, "            %s) words=%s ;;\n")
	b.WriteString("        esac\n        [[ -n $words ]] || return\n    elif [[ $cur == -* ]]; then\n        case $at in\n")
	for _, c := range list {
		fmt.Fprintf(b, "            %s) words=%s ;;\n", quoted(c.path), quoted(strings.Join(c.flagWords(), " ")))
	}
	b.WriteString("        esac\n    else\n        case $at in\n")
	for _, c := range list {
		if next := c.next(); len(next) > 0 {
			fmt.Fprintf(b, "            %s) words=%s ;;\n", quoted(c.path), quoted(strings.Join(next, " ")))
		}
	}
	b.WriteString("        esac\n        [[ -n $words ]] || return\n    fi\n")
	fmt.Fprintf(b, bashTail, app.Name)
}

// closedSets writes a case for each flag whose values are known. A flag of a
// group is one of all commands in it; those have been asked before.
func closedSets(b *strings.Builder, list []command, format string) {
	for _, c := range slices.Backward(list) {
		for _, f := range c.node.Flags {
			known := values(f.Value)
			if len(known) == 0 || f.Hidden {
				continue
			}
			var at []string
			for _, w := range words(f) {
				at = append(at, quoted(c.path)+"*"+quoted(":"+w))
			}
			fmt.Fprintf(b, format, strings.Join(at, "|"), quoted(strings.Join(known, " ")))
		}
	}
}

func (c command) flagWords() []string {
	var list []string
	for _, f := range c.flags() {
		list = append(list, words(f)...)
	}
	return list
}

// next returns what may follow the command: commands, or a known argument.
func (c command) next() []string {
	var list []string
	for _, child := range c.children() {
		list = append(list, child.Name)
	}
	return append(list, c.arguments()...)
}
