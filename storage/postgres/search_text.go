package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/alma-events/alma"
)

// Bounds of what is indexed and of what is searched for; what a person types
// stays far below.
const (
	maxTextBytes   = 200_000 // Of a memory's words. A tsvector holds at most 1 MiB.
	maxSearchWords = 64
	maxWordRunes   = 64
)

// scopeWord returns one word that stands for an agent and project, so that a
// search never walks through the memories of others.
func scopeWord(agent, project string) string {
	sum := sha256.Sum256([]byte(agent + "\x00" + project))
	return "scope" + hex.EncodeToString(sum[:12])
}

// memoryText returns the words of a memory's data: those of its main member,
// and those of all other texts in it.
func memoryText(m *alma.Memory) (main, rest string) {
	var data map[string]any
	if json.Unmarshal(m.Data, &data) != nil {
		return "", ""
	}
	name := alma.MainMember(m.Type)
	main = wordText(texts(nil, data[name]))
	delete(data, name)
	return main, wordText(texts(nil, data))
}

// texts appends all texts within a JSON value, in a fixed order.
func texts(list []string, v any) []string {
	switch v := v.(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, x := range v {
			list = texts(list, x)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = texts(list, v[name])
		}
	}
	return list
}

// wordText returns the words of texts with spaces between. A run of a script
// that puts none between its words stands there twice: by character, and by
// pairs of neighbours.
func wordText(list []string) string {
	var b strings.Builder
	for _, text := range list {
		for _, run := range runs(text) {
			if !unspaced(run[0]) {
				writeWord(&b, run)
				continue
			}
			for i := range run {
				writeWord(&b, run[i:i+1])
				writeWord(&b, run[i:min(i+2, len(run))])
			}
		}
	}
	return b.String()
}

func writeWord(b *strings.Builder, run []rune) {
	if b.Len() < maxTextBytes {
		b.WriteString(string(run))
		b.WriteByte(' ')
	}
}

// searchWords turns what a person wrote into an expression that finds memories
// with any of the words. Each word is quoted and holds nothing but letters and
// digits, so nothing typed is ever syntax. It returns "" when there is no word
// to look for.
func searchWords(text string) string {
	var terms []string
	add := func(run []rune) {
		if term := "'" + string(run) + "'"; len(terms) < maxSearchWords && !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	for _, run := range runs(text) {
		if !unspaced(run[0]) || len(run) == 1 {
			add(run)
			continue
		}
		for i := range len(run) - 1 {
			add(run[i : i+2])
		}
	}
	return strings.Join(terms, " | ")
}

// runs splits a text into words, without case and diacritics. A run of an
// unspaced script is one of its own.
func runs(text string) [][]rune {
	var list [][]rune
	var run []rune
	end := func() {
		if len(run) > 0 {
			list = append(list, run)
			run = nil
		}
	}
	for _, r := range fold(text) {
		switch {
		case unicode.Is(unicode.M, r):
			continue // What is left of diacritics belongs to the letter before.
		case !unicode.In(r, unicode.L, unicode.N):
			end()
			continue
		case len(run) > 0 && unspaced(run[0]) != unspaced(r):
			end()
		}
		if len(run) == maxWordRunes && !unspaced(r) {
			continue
		}
		run = append(run, r)
	}
	end()
	return list
}

// fold takes case and diacritics off: "Évitez" becomes "evitez". Hangul is put
// together again.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	text = strings.ToValidUTF8(text, " ")
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(text))
	return norm.NFC.String(bare)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unspaced reports whether a rune belongs to a script that writes words
// without spaces between them.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}
