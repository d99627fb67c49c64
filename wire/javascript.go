package wire

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// JSON as JavaScript writes it.
//
// Ex Libris' own sample listener verifies a signature over
// JSON.stringify(JSON.parse(body)) instead of the body, and has been copied
// much. A body that is anything else than what JavaScript would write is
// refused there. So the text is brought into that form (ECMA-262, sections
// JSON.parse, JSON.stringify and Number::toString):
//
//   - no white space outside strings;
//   - member names that are array indices, "0" to "4294967294" without leading
//     zeros, first and in ascending order, the others behind them as they came;
//   - of members with the same name the last value, at the place of the first;
//   - numbers as the nearest float64 in its shortest form: 100.0 is 100, 1e2 is
//     100, 1e21 is 1e+21, -0 is 0, and what is too large is null;
//   - strings with no more escapes than JSON needs, and lone surrogates, which
//     UTF-8 cannot hold, as \udXXX.

// stringified returns JSON.stringify(JSON.parse(src)). src must be valid JSON
// in valid UTF-8; its depth is that of the recursion.
func stringified(src []byte) []byte {
	return (&stringifier{src: src, out: make([]byte, 0, len(src))}).run()
}

// stringifiedWithoutNulls leaves out members, at any depth, whose value is
// null. Nulls in arrays stay: they are places.
func stringifiedWithoutNulls(src []byte) []byte {
	return (&stringifier{src: src, out: make([]byte, 0, len(src)), omitNull: true}).run()
}

// stringifier reads src from at on, and writes to out.
type stringifier struct {
	src      []byte
	at       int
	out      []byte
	omitNull bool
}

func (s *stringifier) run() []byte {
	s.value()
	return s.out
}

// value copies the value that begins at or behind s.at.
func (s *stringifier) value() {
	switch s.peek() {
	case '{':
		s.object()
	case '[':
		s.array()
	case '"':
		s.text()
	case 't', 'n':
		s.literal(len("true"))
	case 'f':
		s.literal(len("false"))
	default:
		s.number()
	}
}

// peek skips white space and returns the byte behind it.
func (s *stringifier) peek() byte {
	for {
		switch c := s.src[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
}

// punctuation copies a byte that must come now.
func (s *stringifier) punctuation() byte {
	c := s.peek()
	s.out = append(s.out, c)
	s.at++
	return c
}

func (s *stringifier) literal(length int) {
	s.out = append(s.out, s.src[s.at:s.at+length]...)
	s.at += length
}

func (s *stringifier) array() {
	s.punctuation()
	if s.peek() == ']' {
		s.punctuation()
		return
	}
	s.value()
	for s.punctuation() == ',' {
		s.value()
	}
}

func (s *stringifier) number() {
	from := s.at
	for s.at < len(s.src) && strings.IndexByte("+-.0123456789eE", s.src[s.at]) >= 0 {
		s.at++
	}
	s.out = appendJavaScriptNumber(s.out, string(s.src[from:s.at]))
}

// written is a member that has been copied: its name, in quotes, and all of it.
type written struct{ name, whole []byte }

func (m written) isNull() bool { return bytes.Equal(m.whole[len(m.name):], []byte(":null")) }

func (s *stringifier) object() {
	start := len(s.out)
	s.punctuation()
	if s.peek() == '}' {
		s.punctuation()
		return
	}
	var places [][3]int // Where a member, and the end of its name, and its end stand in out.
	for more := true; more; more = s.punctuation() == ',' {
		s.peek()
		from := len(s.out)
		s.text()
		name := len(s.out)
		s.punctuation()
		s.value()
		places = append(places, [3]int{from, name, len(s.out)})
	}
	members := make([]written, len(places))
	for i, p := range places {
		members[i] = written{name: s.out[p[0]:p[1]], whole: s.out[p[0]:p[2]]}
	}
	if arranged, changed := s.arrange(members); changed {
		s.out = append(s.out[:start], joinMembers(arranged)...)
	}
}

// arrange returns the members that JavaScript would have, in its order, and
// whether they are others, or in another order, than the given ones.
func (s *stringifier) arrange(members []written) (arranged []written, changed bool) {
	place := make(map[string]int, len(members))
	kept := make([]written, 0, len(members))
	for _, m := range members {
		if i, twice := place[string(m.name)]; twice {
			kept[i], changed = m, true
			continue
		}
		place[string(m.name)] = len(kept)
		kept = append(kept, m)
	}
	if s.omitNull {
		kept = slices.DeleteFunc(kept, written.isNull)
	}
	order := func(a, b written) int { return compareIndices(a.name, b.name) }
	if !slices.IsSortedFunc(kept, order) {
		slices.SortStableFunc(kept, order)
		changed = true
	}
	return kept, changed || len(kept) < len(members)
}

func joinMembers(members []written) []byte {
	joined := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			joined = append(joined, ',')
		}
		joined = append(joined, m.whole...)
	}
	return append(joined, '}')
}

// compareIndices orders names that are array indices, before all others.
func compareIndices(a, b []byte) int {
	i, indexA := arrayIndex(a)
	j, indexB := arrayIndex(b)
	switch {
	case indexA && (!indexB || i < j):
		return -1
	case indexB && (!indexA || j < i):
		return 1
	default:
		return 0
	}
}

// arrayIndex reads a quoted name as an array index, which is at most 2³²-2.
func arrayIndex(quoted []byte) (index uint64, ok bool) {
	name := quoted[1 : len(quoted)-1]
	if len(name) == 0 || len(name) > len("4294967294") || !isDigits(string(name)) || name[0] == '0' && len(name) > 1 {
		return 0, false
	}
	index, err := strconv.ParseUint(string(name), 10, 32)
	return index, err == nil && index < 1<<32-1
}
