package main

import (
	"encoding/json"
	"strings"
)

// members are the data of a memory on the command line.
type members struct {
	Members []string `arg:"" optional:"" help:"Members as name=value. A value that is JSON (a number, true, false, null, a list, an object, a text in quotes) is taken as such; anything else is text." placeholder:"NAME=VALUE"`
	Data    string   `help:"The data as a JSON object, in a file or - for standard input." placeholder:"FILE"`
}

// object returns the data as JSON. The member named text is text, whatever its
// value looks like.
func (m *members) object(io stdio, text string) (json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	if m.Data != "" {
		raw, err := readFile(m.Data, io.in)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &out); err != nil {
			return nil, usagef("--data: want a JSON object: %v", err)
		}
		if len(m.Members) == 0 {
			return raw, nil // As it was written, to the order of its members.
		}
	}
	for _, pair := range m.Members {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("%q is no member: want name=value, as in strategy=\"retry once\"", pair)
		}
		raw, err := memberValue(value, name == text)
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	if len(out) == 0 {
		return nil, usagef("no members: want name=value, as in strategy=\"retry once\"")
	}
	return encode(out)
}

// memberValue returns a value as JSON.
func memberValue(value string, isText bool) (json.RawMessage, error) {
	if raw := json.RawMessage(value); json.Valid(raw) && (!isText || strings.HasPrefix(value, `"`)) {
		return raw, nil
	}
	return encode(value)
}
