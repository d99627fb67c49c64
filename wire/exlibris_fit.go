package wire

import (
	"encoding/json"
	"reflect"
)

// XML does not say whether a text is a number, or whether one element is an
// array of one. For the members that package exlibris names, its structs do.

// fitTree changes a record that came as XML into what it is in JSON. prototype
// points to the struct of its kind.
func fitTree(n *tree, prototype any) { fit(n, reflect.TypeOf(prototype).Elem()) }

func fit(n *tree, t reflect.Type) {
	switch t.Kind() {
	case reflect.Slice:
		fitList(n, t.Elem())
	case reflect.Struct:
		fitObject(n, t)
	case reflect.Bool:
		if n.kind == treeText && (n.text == "true" || n.text == "false") {
			n.kind = treeLiteral
		}
	case reflect.Float64:
		if n.kind == treeText && isNumber(n.text) {
			n.kind = treeLiteral
		}
	}
}

func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s)) && s[len(s)-1] > ' '
}

func fitList(n *tree, item reflect.Type) {
	if n.kind != treeList {
		only := *n
		*n = tree{kind: treeList, nodes: []*tree{&only}}
	}
	for _, node := range n.nodes {
		fit(node, item)
	}
}

func fitObject(n *tree, t reflect.Type) {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("json")] = t.Field(i).Type
	}
	if n.kind == treeText {
		unfold(n, fields["value"] != nil)
	}
	for i, name := range n.names {
		if field := fields[name]; field != nil {
			fit(n.nodes[i], field)
		}
	}
}

// unfold makes an object of an element that had no attributes and no elements:
// a value without a description, or nothing.
func unfold(n *tree, hasValue bool) {
	switch {
	case hasValue:
		*n = tree{kind: treeObject, names: []string{"value"}, nodes: []*tree{textNode(n.text)}}
	case n.text == "":
		*n = tree{kind: treeObject}
	}
}
