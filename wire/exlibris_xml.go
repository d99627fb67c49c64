package wire

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
)

// XML, the other form of the format. No body that Ex Libris has sent in it is
// public, so the rules are ours, after those of its REST API:
//
//   - the root is <webhook>, without a namespace; members come in the order of
//     the JSON form;
//   - a member is an element; null members are left out;
//   - an object of a value and its description, {value, desc}, {value, name} or
//     {value, description}, is an element with an attribute:
//     <event desc="Loan created">LOAN_CREATED</event>;
//   - an array repeats its member's element;
//   - characters that XML 1.0 cannot carry (most control characters) become
//     U+FFFD. To refuse them would hold back a loan for a stray byte in a title.
//
// An event with a member name that is no XML name, or with an array in an array,
// cannot be written in this form: leaving members out silently would be worse.

// describing are the members that become attributes.
var describing = []string{"desc", "name", "description"}

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`

// xml returns the object in XML.
func (o *exlibrisObject) xml() ([]byte, error) {
	root, err := parseTree(stringified(o.members().object()))
	if err != nil {
		return nil, fmt.Errorf("alma: encode: %w", err)
	}
	var w xmlWriter
	w.b.WriteString(xmlDeclaration)
	if err := w.element("webhook", root); err != nil {
		return nil, fmt.Errorf("alma: encode: %w", err)
	}
	return w.b.Bytes(), nil
}

// xmlWriter writes values as elements.
type xmlWriter struct{ b bytes.Buffer }

func (w *xmlWriter) element(name string, n *tree) error {
	if !isXMLName(name) {
		return fmt.Errorf("the member name %q cannot be the name of an XML element", name)
	}
	switch {
	case n.kind == treeNull:
		return nil
	case n.kind == treeList:
		return w.list(name, n)
	case isCoded(n):
		w.open(name, n)
		w.escape(n.member("value").text)
	default:
		w.open(name, nil)
		if err := w.content(n); err != nil {
			return err
		}
	}
	w.b.WriteString("</" + name + ">")
	return nil
}

func (w *xmlWriter) list(name string, n *tree) error {
	for _, item := range n.nodes {
		if item.kind == treeList {
			return fmt.Errorf("the member %q holds an array in an array, which XML elements cannot tell apart", name)
		}
		if err := w.element(name, item); err != nil {
			return err
		}
	}
	return nil
}

// open writes a start tag, with the descriptions of a coded value.
func (w *xmlWriter) open(name string, coded *tree) {
	w.b.WriteString("<" + name)
	if coded != nil {
		for i, attribute := range coded.names {
			if attribute == "value" || coded.nodes[i].kind == treeNull {
				continue
			}
			w.b.WriteString(" " + attribute + `="`)
			w.escape(coded.nodes[i].text)
			w.b.WriteByte('"')
		}
	}
	w.b.WriteByte('>')
}

func (w *xmlWriter) content(n *tree) error {
	if n.isScalar() {
		w.escape(n.text)
		return nil
	}
	for i, name := range n.names {
		if err := w.element(name, n.nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// escape also replaces what XML cannot carry.
func (w *xmlWriter) escape(text string) {
	_ = xml.EscapeText(&w.b, []byte(text)) // A buffer takes everything.
}

// isCoded reports whether a value is {value, desc} or the like, of texts alone.
func isCoded(n *tree) bool {
	if n.kind != treeObject || len(n.names) < 2 || n.member("value") == nil {
		return false
	}
	for i, name := range n.names {
		if !n.nodes[i].isScalar() || name != "value" && !slices.Contains(describing, name) {
			return false
		}
	}
	return true
}

// isXMLName takes the names in ASCII, without colons: they stand for namespaces.
func isXMLName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}
