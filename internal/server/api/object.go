package api

import (
	"bytes"
	"encoding/json"
	"iter"
)

// members yields the members of an object in valid JSON, in the order of the
// text: names decoded, values raw.
func members(object []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for name, value := range rawMembers(object) {
			if !yield(text(name), value) {
				return
			}
		}
	}
}

// rawMembers is members with the names as they are written, quotes included:
// who only looks them up needs no copy of them.
func rawMembers(object []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		rest := space(object)[1:] // Behind the {.
		for {
			rest = space(rest)
			if rest[0] == '}' {
				return
			}
			var rawName, value []byte
			rawName, rest = cutValue(rest)
			value, rest = cutValue(space(space(rest)[1:])) // Behind the colon.
			if !yield(rawName, value) {
				return
			}
			rest = space(rest)
			if rest[0] == ',' {
				rest = rest[1:]
			}
		}
	}
}

// elements yields the elements of an array in valid JSON.
func elements(array []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		rest := space(array)[1:]
		for {
			rest = space(rest)
			if rest[0] == ']' {
				return
			}
			var value []byte
			value, rest = cutValue(rest)
			if !yield(value) {
				return
			}
			rest = space(rest)
			if rest[0] == ',' {
				rest = rest[1:]
			}
		}
	}
}

// cutValue splits valid JSON behind its first value.
func cutValue(b []byte) (value, rest []byte) {
	var end int
	switch b[0] {
	case '"':
		end = stringEnd(b)
	case '{', '[':
		end = bracketEnd(b)
	default:
		if end = bytes.IndexAny(b, ",]} \t\r\n"); end < 0 {
			end = len(b)
		}
	}
	return b[:end:end], b[end:]
}

func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func bracketEnd(b []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func space(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// text decodes a JSON string.
func text(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // Valid JSON.
	return s
}
