package wire

import (
	"bytes"
	"encoding/json"
	"slices"
)

// tree is a JSON value on its way to or from XML.
type tree struct {
	kind  treeKind
	text  string   // Of a text; and the literal of a number, true or false.
	names []string // Of an object's members.
	nodes []*tree  // An object's members, or a list's items.
}

type treeKind int

const (
	treeNull treeKind = iota
	treeText
	treeLiteral
	treeObject
	treeList
)

func textNode(s string) *tree { return &tree{kind: treeText, text: s} }

// parseTree reads JSON that is known to be valid.
func parseTree(raw []byte) (*tree, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return readTree(dec)
}

func readTree(dec *json.Decoder) (*tree, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return readComposite(dec, v)
	case string:
		return textNode(v), nil
	case json.Number:
		return &tree{kind: treeLiteral, text: v.String()}, nil
	case bool:
		if v {
			return &tree{kind: treeLiteral, text: "true"}, nil
		}
		return &tree{kind: treeLiteral, text: "false"}, nil
	default:
		return &tree{kind: treeNull}, nil
	}
}

func readComposite(dec *json.Decoder, open json.Delim) (*tree, error) {
	n := &tree{kind: treeList}
	if open == '{' {
		n.kind = treeObject
	}
	for dec.More() {
		if n.kind == treeObject {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			n.names = append(n.names, name.(string)) //nolint:forcetypeassert // A member begins with its name.
		}
		node, err := readTree(dec)
		if err != nil {
			return nil, err
		}
		n.nodes = append(n.nodes, node)
	}
	_, err := dec.Token() // The closing bracket.
	return n, err
}

// appendJSON writes a value.
func (n *tree) appendJSON(b []byte) []byte {
	switch n.kind {
	case treeText:
		return appendQuoted(b, n.text)
	case treeLiteral:
		return append(b, n.text...)
	case treeObject:
		b = append(b, '{')
		for i, node := range n.nodes {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, n.names[i]), ':')
			b = node.appendJSON(b)
		}
		return append(b, '}')
	case treeList:
		b = append(b, '[')
		for i, node := range n.nodes {
			if i > 0 {
				b = append(b, ',')
			}
			b = node.appendJSON(b)
		}
		return append(b, ']')
	default:
		return append(b, "null"...)
	}
}

// isScalar reports whether a value is one text in XML.
func (n *tree) isScalar() bool { return n.kind < treeObject }

// member returns a member of an object, nil when there is none.
func (n *tree) member(name string) *tree {
	if i := slices.Index(n.names, name); i >= 0 {
		return n.nodes[i]
	}
	return nil
}
