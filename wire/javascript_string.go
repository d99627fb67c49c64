package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text copies a string with no more escapes than JSON needs. Two names are the
// same exactly when they are so in this form.
func (s *stringifier) text() {
	s.out = append(s.out, '"')
	s.at++
	for {
		from := s.at
		for s.src[s.at] != '"' && s.src[s.at] != '\\' {
			s.at++
		}
		s.out = append(s.out, s.src[from:s.at]...)
		if s.src[s.at] == '"' {
			break
		}
		s.escape()
	}
	s.out = append(s.out, '"')
	s.at++
}

// escape copies what a backslash introduces.
func (s *stringifier) escape() {
	c := s.src[s.at+1]
	if c == 'u' {
		s.appendUnit(s.codePoint())
		return
	}
	s.at += 2
	if c == '/' {
		s.out = append(s.out, '/')
		return
	}
	s.out = append(s.out, '\\', c) // The other short escapes are those that are needed.
}

// codePoint reads \uXXXX, or two of them that make a pair. A surrogate without
// its other half is returned as it is.
func (s *stringifier) codePoint() rune {
	first := s.unit()
	if !utf16.IsSurrogate(first) || !s.atUnit() {
		return first
	}
	second := s.at
	if pair := utf16.DecodeRune(first, s.unit()); pair != utf8.RuneError {
		return pair
	}
	s.at = second
	return first
}

func (s *stringifier) atUnit() bool { return s.src[s.at] == '\\' && s.src[s.at+1] == 'u' }

// unit reads one \uXXXX.
func (s *stringifier) unit() rune {
	n, _ := strconv.ParseUint(string(s.src[s.at+2:s.at+6]), 16, 16) // Valid JSON has four digits here.
	s.at += 6
	return rune(n)
}

// appendUnit writes a code point; a lone surrogate as well-formed
// JSON.stringify does, as an escape.
func (s *stringifier) appendUnit(r rune) {
	switch {
	case utf16.IsSurrogate(r):
		s.out = append(s.out, '\\', 'u', 'd', hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	case r < ' ' || r == '"' || r == '\\':
		quoted := appendQuoted(nil, string(r))
		s.out = append(s.out, quoted[1:len(quoted)-1]...)
	default:
		s.out = utf8.AppendRune(s.out, r)
	}
}
