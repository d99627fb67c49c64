package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

const zshHead = `#compdef %[1]s
# Completion of %[1]s for zsh. Save it as _%[1]s in a folder of $fpath, or load it
# with: source <(%[1]s completion zsh)
_%[1]s() {
    local at= flag= word i
    local -a offers
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if [[ -n $flag ]]; then
            flag=
            continue
        fi
        case $at/$word in
            %[2]s) at=$at/$word; continue ;;
        esac
        case $word in
            %[3]s) flag=$word ;;
        esac
    done
    if [[ -z $flag && $words[CURRENT] == --*=* ]]; then
        flag=${words[CURRENT]%%%%=*}
        compset -P '*='
    fi
    if [[ -n $flag ]]; then
        case $at:$flag in
`

const zshTail = `        esac
        if (( $#offers )); then
            _describe 'command' offers
        else
            _files
        fi
    fi
}
if [[ $funcstack[1] == _%[1]s ]]; then
    _%[1]s "$@"
else
    compdef _%[1]s %[1]s
fi
`

func zsh(b *strings.Builder, app *kong.Application) {
	list := commands(app)
	fmt.Fprintf(b, zshHead, app.Name, patterns(paths(list)), patterns(valued(list)))
	closedSets(b, list, "            %s) offers=(${=:-%s}); compadd -a offers ;;\n")
	b.WriteString("            *) _files ;;\n        esac\n    elif [[ $words[CURRENT] == -* ]]; then\n        case $at in\n")
	for _, c := range list {
		zshOffers(b, c.path, c.describedFlags())
	}
	b.WriteString("        esac\n        _describe -o 'flag' offers\n    else\n        case $at in\n")
	for _, c := range list {
		if next := c.describedNext(); len(next) > 0 {
			zshOffers(b, c.path, next)
		}
	}
	fmt.Fprintf(b, zshTail, app.Name)
}

// offer is a word and what it means.
type offer struct{ word, help string }

func zshOffers(b *strings.Builder, path string, list []offer) {
	fmt.Fprintf(b, "            %s) offers=(\n", quoted(path))
	for _, o := range list {
		fmt.Fprintf(b, "                %s\n", quoted(strings.ReplaceAll(o.word, ":", `\:`)+":"+o.help))
	}
	b.WriteString("            ) ;;\n")
}

func (c command) describedFlags() []offer {
	var list []offer
	for _, f := range c.flags() {
		for _, w := range words(f) {
			list = append(list, offer{w, f.Help})
		}
	}
	return list
}

func (c command) describedNext() []offer {
	var list []offer
	for _, child := range c.children() {
		list = append(list, offer{child.Name, child.Help})
	}
	for _, a := range c.arguments() {
		list = append(list, offer{a, c.node.Positional[0].Help})
	}
	return list
}
