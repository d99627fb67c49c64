package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma/internal/server/api"
)

// described is the OpenAPI document, as far as a client has to understand it.
type described struct {
	Paths      map[string]map[string]describedCall
	Components struct {
		Schemas   map[string]*schema
		Responses map[string]content
	}
}

type describedCall struct {
	RequestBody *content
	Responses   map[string]content
}

type content struct {
	Content map[string]struct{ Schema *schema }
}

// schema is the part of JSON Schema that the document makes use of.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 kinds
	Format               string
	Properties           map[string]*schema
	Required             []string
	AdditionalProperties json.RawMessage
	Items                *schema
	OneOf, AnyOf         []*schema
	Enum                 []any
	Minimum, Maximum     *float64
	MaxItems             *int
}

// kinds is a type, or a list of types.
type kinds []string

func (k *kinds) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		*k = kinds{strings.Trim(string(b), `"`)}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(k))
}

var documents sync.Map // The text of a document → *described.

// describedBy parses the document of a server, once for all servers that have
// the same one.
func describedBy(t testing.TB, s *api.Server) *described {
	t.Helper()
	text, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	if known, ok := documents.Load(string(text)); ok {
		return known.(*described)
	}
	d := &described{}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	documents.Store(string(text), d)
	return d
}

// check fails the test when an answer is not one that the document describes:
// its status, its type, and what its JSON holds. Members that are not described
// are a fault, although clients must bear them: the document would lag behind.
func (d *described) check(t testing.TB, a *reply, method, target string, sent []byte) {
	t.Helper()
	call, known := d.find(method, target)
	if !known {
		d.checkUnrouted(t, a)
		return
	}
	answers, ok := call.Responses[fmt.Sprint(a.status)]
	if !ok {
		t.Errorf("%s answered %d, which is not described: %.200s", a.call, a.status, a.body)
		return
	}
	d.checkContent(t, a, answers)
	if a.status < http.StatusMultipleChoices && call.RequestBody != nil && json.Valid(sent) {
		v := validator{d: d}
		v.value("", call.RequestBody.Content["application/json"].Schema, decoded(sent), true)
		for _, f := range v.faults {
			t.Errorf("%s took a body that is not as described: %s", a.call, f)
		}
	}
}

func (d *described) checkContent(t testing.TB, a *reply, as content) {
	t.Helper()
	if len(a.body) == 0 {
		return
	}
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	in, ok := as.Content[media]
	if !ok {
		t.Errorf("%s answered %d with %q, which is not described", a.call, a.status, media)
		return
	}
	if !strings.HasSuffix(media, "json") || strings.HasSuffix(media, "ndjson") {
		return
	}
	v := validator{d: d}
	v.value("", in.Schema, decoded(a.body), false)
	for _, f := range v.faults {
		t.Errorf("%s answered %d with what is not described: %s", a.call, a.status, f)
	}
}

// checkUnrouted checks what answers for other paths and methods.
func (d *described) checkUnrouted(t testing.TB, a *reply) {
	t.Helper()
	names := map[int]string{http.StatusNotFound: "NoSuchPath", http.StatusMethodNotAllowed: "NoSuchMethod"}
	as, ok := d.Components.Responses[names[a.status]]
	if !ok {
		t.Errorf("%s is no call and was answered with %d", a.call, a.status)
		return
	}
	d.checkContent(t, a, as)
}

// find looks a call up by its method and the target of a request.
func (d *described) find(method, target string) (describedCall, bool) {
	path, _, _ := strings.Cut(target, "?")
	parts := strings.Split(path, "/")
	var found describedCall
	ok := false
	for pattern, methods := range d.Paths {
		call, has := methods[strings.ToLower(method)]
		if has && fits(strings.Split(pattern, "/"), parts) && (!ok || !strings.Contains(pattern, "{")) {
			found, ok = call, true
		}
	}
	return found, ok
}

func fits(pattern, path []string) bool {
	return slices.EqualFunc(pattern, path, func(want, got string) bool {
		if strings.HasPrefix(want, "{") {
			text, err := url.PathUnescape(got)
			return err == nil && text != ""
		}
		return want == got
	})
}

func decoded(text []byte) any {
	var v any
	_ = json.Unmarshal(text, &v) // Invalid JSON is nil, which no schema here takes.
	return v
}

// validator holds a value against schemas.
type validator struct {
	d      *described
	faults []string
}

func (v *validator) addf(at, format string, args ...any) {
	v.faults = append(v.faults, at+": "+fmt.Sprintf(format, args...))
}

// value checks one value. input: members that are not described are only
// refused where the schema says so; else always.
func (v *validator) value(at string, s *schema, value any, input bool) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		v.value(at, v.d.Components.Schemas[name], value, input)
		return
	}
	if alternatives := slices.Concat(s.OneOf, s.AnyOf); len(alternatives) > 0 {
		v.oneOf(at, alternatives, value, input)
		return
	}
	if !v.kind(at, s, value) {
		return
	}
	switch value := value.(type) {
	case map[string]any:
		v.object(at, s, value, input)
	case []any:
		if s.MaxItems != nil && len(value) > *s.MaxItems {
			v.addf(at, "%d items", len(value))
		}
		for i, item := range value {
			v.value(fmt.Sprintf("%s[%d]", at, i), s.Items, item, input)
		}
	case string:
		if _, err := time.Parse(time.RFC3339Nano, value); s.Format == "date-time" && err != nil {
			v.addf(at, "%q is no time", value)
		}
	case float64:
		if s.Minimum != nil && value < *s.Minimum || s.Maximum != nil && value > *s.Maximum {
			v.addf(at, "%v is out of range", value)
		}
	}
	if len(s.Enum) > 0 && value != nil && !slices.Contains(s.Enum, value) {
		v.addf(at, "%v is none of %v", value, s.Enum)
	}
}

func (v *validator) oneOf(at string, alternatives []*schema, value any, input bool) {
	var all []string
	for _, one := range alternatives {
		try := validator{d: v.d}
		if try.value(at, one, value, input); len(try.faults) == 0 {
			return
		}
		all = append(all, try.faults...)
	}
	v.addf(at, "fits none of the alternatives: %q", all)
}

func (v *validator) kind(at string, s *schema, value any) bool {
	is := map[bool]string{true: "null"}[value == nil]
	switch value := value.(type) {
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case float64:
		is = "number"
		if value == float64(int64(value)) && slices.Contains(s.Type, "integer") {
			is = "integer"
		}
	}
	if len(s.Type) > 0 && !slices.Contains(s.Type, is) {
		v.addf(at, "is %s, described as %q", is, s.Type)
		return false
	}
	return true
}

func (v *validator) object(at string, s *schema, value map[string]any, input bool) {
	for _, name := range s.Required {
		if _, ok := value[name]; !ok {
			v.addf(at, "lacks %s", name)
		}
	}
	closed := string(s.AdditionalProperties) == "false" || !input && len(s.Properties) > 0
	var further *schema
	if len(s.AdditionalProperties) > 0 && s.AdditionalProperties[0] == '{' {
		further = &schema{}
		_ = json.Unmarshal(s.AdditionalProperties, further) // The document was parsed before.
		closed = false
	}
	for name, member := range value {
		described, ok := s.Properties[name]
		switch {
		case ok:
			v.value(at+"."+name, described, member, input)
		case further != nil:
			v.value(at+"."+name, further, member, input)
		case closed:
			v.addf(at, "has %s, which is not described", name)
		}
	}
}
