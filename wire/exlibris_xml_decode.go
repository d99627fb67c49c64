package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

// decodeExlibrisXML reads an object from XML. Document types are refused, and
// with them entities of one's own; depth is bounded, and size by the caller.
func decodeExlibrisXML(f *alma.Faults, body []byte) *exlibrisObject {
	root, err := parseXML(body)
	if err != nil {
		f.Addf("", "malformed XML: %v", err)
		return nil
	}
	for _, name := range [...]string{"institution", "event"} {
		if n := root.member(name); n != nil && n.kind == treeText {
			*n = tree{kind: treeObject, names: []string{"value"}, nodes: []*tree{textNode(n.text)}}
		}
	}
	action := root.member("action")
	if action != nil && action.kind == treeText {
		fitRecord(root, action.text)
	}
	list, err := readMembers(root.appendJSON(nil))
	if err != nil {
		f.Addf("", "%v", err)
		return nil
	}
	return readExlibrisObject(f, list)
}

// fitRecord gives the record of a known action the kinds of values that its
// JSON form has.
func fitRecord(root *tree, action string) {
	payload, ok := exlibris.PayloadOf(exlibris.Action(action))
	if n := root.member(string(payload)); ok && n != nil {
		fitTree(n, exlibris.Prototype(payload))
	}
}

// maxXMLDepth leaves room for the root, and for the texts in the innermost object.
const maxXMLDepth = alma.MaxEventDepth + 2

var (
	errDocumentType = errors.New("a document type is not taken")
	errXMLRoot      = errors.New("want one element <webhook>")
	errXMLDepth     = fmt.Errorf("nested too deep; at most %d levels are taken", maxXMLDepth)
)

// parseXML reads a document as an object: elements and attributes are members,
// those of the same name an array.
func parseXML(body []byte) (*tree, error) {
	r := &xmlReader{dec: xml.NewDecoder(bytes.NewReader(body))}
	var root *tree
	for {
		token, err := r.token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if root != nil || t.Name.Local != "webhook" {
				return nil, errXMLRoot
			}
			if root, err = r.element(t, 1); err != nil {
				return nil, err
			}
			if root.kind != treeObject {
				return nil, errXMLRoot
			}
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errXMLRoot
			}
		}
	}
}

type xmlReader struct{ dec *xml.Decoder }

// token returns the next token that means something.
func (r *xmlReader) token() (xml.Token, error) {
	for {
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		switch token.(type) {
		case xml.Directive:
			return nil, errDocumentType
		case xml.Comment, xml.ProcInst:
		default:
			return token, nil
		}
	}
}

// element reads what follows a start tag, to its end tag. An element without
// attributes and elements is a text; a text beside attributes or elements is
// the member "value".
func (r *xmlReader) element(start xml.StartElement, depth int) (*tree, error) {
	if depth > maxXMLDepth {
		return nil, errXMLDepth
	}
	members := newGathering(start.Attr)
	var text strings.Builder
	for {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := r.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			members.add(t.Name.Local, child)
			members.elements = true
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return members.node(text.String()), nil
		}
	}
}

// gathering collects the members of an element.
type gathering struct {
	object   tree
	places   map[string]int
	elements bool
}

func newGathering(attributes []xml.Attr) *gathering {
	g := &gathering{object: tree{kind: treeObject}, places: map[string]int{}}
	for _, a := range attributes {
		if a.Name.Space == "" && a.Name.Local != "xmlns" { // What is in a namespace is about the document.
			g.add(a.Name.Local, textNode(a.Value))
		}
	}
	return g
}

// add makes an array of what comes more than once.
func (g *gathering) add(name string, n *tree) {
	i, twice := g.places[name]
	if !twice {
		g.places[name] = len(g.object.names)
		g.object.names, g.object.nodes = append(g.object.names, name), append(g.object.nodes, n)
		return
	}
	if first := g.object.nodes[i]; first.kind != treeList {
		g.object.nodes[i] = &tree{kind: treeList, nodes: []*tree{first}}
	}
	g.object.nodes[i].nodes = append(g.object.nodes[i].nodes, n)
}

func (g *gathering) node(text string) *tree {
	o := &g.object
	_, hasValue := g.places["value"]
	switch {
	case len(o.names) == 0:
		return textNode(text)
	case hasValue, g.elements && strings.TrimSpace(text) == "":
		return o
	default:
		o.names, o.nodes = append([]string{"value"}, o.names...), append([]*tree{textNode(text)}, o.nodes...)
		return o
	}
}
