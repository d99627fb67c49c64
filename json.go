package alma

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// CheckJSON reports why raw is not one JSON value that Alma takes: it must be
// valid JSON in valid UTF-8, nested at most [MaxEventDepth] deep.
func CheckJSON(raw []byte) error {
	if err := checkDecodable(raw); err != nil {
		return err
	}
	if json.Valid(raw) {
		return nil
	}
	return whyInvalid(raw)
}

// checkDecodable looks at what must be right before a parser that recurses may run.
func checkDecodable(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("the text is not valid UTF-8")
	}
	if depth := JSONDepth(raw); depth > MaxEventDepth {
		return fmt.Errorf("nested %d deep; at most %d levels are taken", depth, MaxEventDepth)
	}
	return nil
}

func whyInvalid(raw []byte) error {
	var v any
	err := json.Unmarshal(raw, &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("malformed JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("malformed JSON: %w", err)
}

// JSONDepth returns how deep brackets nest outside strings. It needs no valid
// JSON, so that it can run before a parser that recurses.
func JSONDepth(raw []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// compactJSON checks raw as [CheckJSON] does and removes white space outside
// strings. It changes nothing else: encoding/json's Compact leaves member order,
// number text and escapes alone.
func compactJSON(raw json.RawMessage) (json.RawMessage, error) {
	if err := checkDecodable(raw); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(raw))
	if err := json.Compact(&b, raw); err != nil {
		return nil, whyInvalid(raw)
	}
	return b.Bytes(), nil
}
