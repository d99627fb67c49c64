package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/alma-events/alma"
)

const schemaPath = "#/components/schemas/"

// requestBody describes what a call takes.
func (d describer) requestBody(op *operation) *huma.RequestBody {
	if op.body == nil {
		return nil
	}
	body := &huma.RequestBody{
		Required: op.body != typeOf[rotation](),
		Content:  map[string]*huma.MediaType{mediaJSON: {Schema: d.input(op)}},
	}
	if op.body == typeOf[eventInput]() {
		body.Description = "Without format: the events described here. With it: a body of that format, which may be XML for exlibris, " +
			"and for cloudevents a body of any type with the members of the event in headers."
		for _, media := range []string{"application/cloudevents+json", "application/cloudevents-batch+json", "application/xml", "text/xml"} {
			body.Content[media] = &huma.MediaType{}
		}
	}
	return body
}

// input is the schema of a body.
func (d describer) input(op *operation) *huma.Schema {
	switch op.body {
	case typeOf[eventInput]():
		one := d.schemas.Schema(op.body, true, "EventInput")
		most := maxEvents
		return &huma.Schema{AnyOf: []*huma.Schema{
			one, {Type: "array", Items: one, MaxItems: &most},
			{Type: "object", Description: "With format: an event of that format."},
			{Type: "array", Description: "With format: events of that format.", Items: &huma.Schema{Type: "object"}},
		}}
	case typeOf[Settings]():
		if op.method == http.MethodPatch {
			return d.patched(d.settings(), typeOf[webhookView]().Name(), shownOfWebhook)
		}
		s := d.settings()
		s.Required = []string{"url"}
		return s
	case typeOf[memoryPatch]():
		return d.patched(huma.SchemaFromType(d.schemas, op.body), typeOf[alma.Memory]().Name(), shownOfMemory)
	case typeOf[declaration]():
		s := d.schemas.Schema(op.body, true, op.body.Name())
		hook := d.settings()
		hook.Required = []string{"name", "url"}
		d.schemas.Map()["DeclaredWebhook"] = hook
		return s
	default:
		return d.schemas.Schema(op.body, true, op.body.Name())
	}
}

// settings is what a webhook takes: every setting may be left out or null; and
// what is never shown, the secret and a private key, may be given.
func (d describer) settings() *huma.Schema {
	s := huma.SchemaFromType(d.schemas, typeOf[Settings]())
	s.Required = nil
	if values, ok := s.Properties["headers"].AdditionalProperties.(*huma.Schema); ok {
		values.Nullable = true // In a patch, null removes one.
	}
	s.Properties["secret"] = &huma.Schema{Type: "string", Description: "Signs deliveries; generated if left out of a new webhook; null: unsigned."}
	s.Properties["client_key"] = &huma.Schema{Type: "string", Description: "The private key of client_certificate, PEM; kept where a patch does not name it."}
	return d.lenient(s)
}

// patched is the schema of a patch, in which a thing may be sent back as it was
// answered.
func (d describer) patched(s *huma.Schema, of string, shown map[string]bool) *huma.Schema {
	for name, is := range shown {
		if is && s.Properties[name] == nil {
			s.Properties[name] = &huma.Schema{ReadOnly: true, Description: "Only answers set it. A " + strings.ToLower(strings.TrimSuffix(of, "View")) + " may be sent back with it; see docs/rest.md."}
		}
	}
	return d.lenient(s)
}

// lenient lets members that may be left out be null as well: that is the same.
func (d describer) lenient(s *huma.Schema) *huma.Schema {
	for name, member := range s.Properties {
		switch {
		case slices.Contains(s.Required, name):
		case member.Ref != "":
			s.Properties[name] = &huma.Schema{Description: member.Description, AnyOf: []*huma.Schema{member, {Type: "null"}}}
		case member.Type != "": // One without takes anything as it is.
			member.Nullable = true
		}
	}
	return s
}

// closeInputs makes what is sent to us what the decoder takes: no unknown
// members, and null for what may be left out. Answers stay open for members
// that are added later, without notice.
func (d describer) closeInputs(doc *huma.OpenAPI) {
	sent := map[string]bool{}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				d.reach(media.Schema, sent)
			}
		}
	}
	for name, s := range d.schemas.Map() {
		if sent[name] {
			d.lenient(s)
		} else {
			s.AdditionalProperties = openOf(s)
		}
	}
}

// openOf leaves the schema of the values of a map alone.
func openOf(s *huma.Schema) any {
	if _, ok := s.AdditionalProperties.(*huma.Schema); ok {
		return s.AdditionalProperties
	}
	return nil
}

// reach notes every named schema that a schema leads to.
func (d describer) reach(s *huma.Schema, names map[string]bool) {
	if s == nil {
		return
	}
	if name, ok := strings.CutPrefix(s.Ref, schemaPath); ok {
		if !names[name] {
			names[name] = true
			d.reach(d.schemas.Map()[name], names)
		}
		return
	}
	d.reach(s.Items, names)
	for _, one := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf) {
		d.reach(one, names)
	}
	for _, member := range s.Properties {
		d.reach(member, names)
	}
}
