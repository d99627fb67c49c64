package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/alma-events/alma"
)

// Bounds of a search expression; what a person types stays far below.
const (
	maxSearchWords = 64
	maxWordRunes   = 64
)

// scopeWord returns one word that stands for an agent and project, made of
// letters and digits, so that the tokenizer leaves it alone.
func scopeWord(agent, project string) string {
	sum := sha256.Sum256([]byte(agent + "\x00" + project))
	return "s" + hex.EncodeToString(sum[:12])
}

// memoryText returns the words of a memory's data: those of its main member,
// and those of all other texts in it.
func memoryText(m *alma.Memory) (main, rest string) {
	var data map[string]any
	if json.Unmarshal(m.Data, &data) != nil {
		return "", ""
	}
	name := alma.MainMember(m.Type)
	var mainText, restText strings.Builder
	gatherText(&mainText, data[name])
	delete(data, name)
	gatherText(&restText, data)
	return spaceOut(mainText.String()), spaceOut(restText.String())
}

// gatherText writes all texts within a JSON value, a line each, in a fixed order.
func gatherText(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(v)
		b.WriteByte('\n')
	case []any:
		for _, x := range v {
			gatherText(b, x)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			gatherText(b, v[name])
		}
	}
}

// unspaced reports whether a rune belongs to a script that writes words
// without spaces between them. The tokenizer would take a whole sentence for
// one word, so each such rune becomes a word, and a search looks for pairs.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

func spaceOut(s string) string {
	if !strings.ContainsFunc(s, unspaced) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unspaced(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// searchExpression turns what a person wrote into an FTS5 expression that finds
// memories of a scope with any of the words. Each word is quoted and holds
// nothing but letters, marks and digits, so nothing typed is ever syntax. It
// returns "" when there is no word to look for.
func searchExpression(text, scope string) string {
	var terms []string
	for _, word := range words(text) {
		if len(terms) == maxSearchWords {
			break
		}
		if term := `"` + word + `"`; !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	if len(terms) == 0 {
		return ""
	}
	return `scope : "` + scope + `" AND {main rest} : (` + strings.Join(terms, " OR ") + `)`
}

func wordRune(r rune) bool { return unicode.In(r, unicode.L, unicode.N) }

// words splits a text. A run of an unspaced script becomes its pairs of
// neighbours, each to be found as a phrase.
func words(text string) []string {
	var list []string
	fields := strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
	for _, field := range fields {
		for _, run := range splitUnspaced(field) {
			list = append(list, runWords(run)...)
		}
	}
	return list
}

// splitUnspaced cuts a field where it goes from one kind of script to the other.
func splitUnspaced(field string) [][]rune {
	var runs [][]rune
	for i, r := range []rune(field) {
		last := len(runs) - 1
		if i == 0 || unspaced(r) != unspaced(runs[last][0]) {
			runs = append(runs, []rune{r})
			continue
		}
		runs[last] = append(runs[last], r)
	}
	return runs
}

func runWords(run []rune) []string {
	if !unspaced(run[0]) {
		run = run[:min(len(run), maxWordRunes)]
		if !slices.ContainsFunc(run, wordRune) { // Marks alone are no word.
			return nil
		}
		return []string{string(run)}
	}
	if len(run) == 1 {
		return []string{string(run)}
	}
	pairs := make([]string, 0, len(run)-1)
	for i := range len(run) - 1 {
		pairs = append(pairs, string(run[i])+" "+string(run[i+1]))
	}
	return pairs
}
