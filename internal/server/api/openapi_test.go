package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Security    []map[string]any
		RequestBody *struct{ Content map[string]any }
		Parameters  []struct{ Name string }
		Responses   map[string]struct{ Content map[string]any }
	}
	Components struct{ Schemas map[string]any }
}

func TestDocumentDescribesEveryCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var doc document
	if err := json.Unmarshal(r.get("/openapi.json").want(http.StatusOK).body, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	ids := map[string]string{}
	described := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			call := strings.ToUpper(method) + " " + path
			described[call] = true
			if other, twice := ids[op.OperationID]; twice || op.OperationID == "" {
				t.Errorf("%s and %s share the operation id %q", call, other, op.OperationID)
			}
			ids[op.OperationID] = call
			if roles := calls[call]; (roles != nil) != (len(op.Security) > 0) {
				t.Errorf("%s: security %v", call, op.Security)
			}
			if a := r.do(r.admin, strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "x")+"?unknown=1", nil); a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s is described but answers an unknown parameter with %d", call, a.status)
			}
			checkErrors(t, call, op.Responses["500"].Content)
		}
	}
	if want := slices.Sorted(maps.Keys(calls)); !slices.Equal(slices.Sorted(maps.Keys(described)), want) {
		t.Errorf("described are\n%q\nwant\n%q", slices.Sorted(maps.Keys(described)), want)
	}
}

func checkErrors(t *testing.T, call string, content map[string]any) {
	t.Helper()
	media, ok := content["application/problem+json"].(map[string]any)
	if !ok || media["schema"].(map[string]any)["$ref"] != "#/components/schemas/Problem" {
		t.Errorf("%s: errors are described as %v", call, content)
	}
}

// Every reference leads somewhere, and nothing is named after Go's own words.
func TestDocumentIsWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := r.get("/openapi.json").want(http.StatusOK).body
	var doc document
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	const ref = `"$ref":"#/components/schemas/`
	for rest := string(body); ; {
		_, after, found := strings.Cut(rest, ref)
		if !found {
			break
		}
		name, _, _ := strings.Cut(after, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("the schema %s is missing", name)
		}
		rest = after
	}
	for schema, member := range map[string]string{"Retrieval": "items", "Webhook": "retry_count", "DeliveryLog": "attempts", "EventDetail": "data", "NewKey": "key", "MemoryList": "next", "Replay": "progress", "ReplayList": "next", "PurgeInput": "memory_id", "Source": "former_secret_until", "SourceList": "next", "SourceInput": "secret"} {
		described, _ := doc.Components.Schemas[schema].(map[string]any)
		if properties, _ := described["properties"].(map[string]any); properties[member] == nil {
			t.Errorf("%s lacks %s", schema, member)
		}
	}
	for _, want := range []string{"Event", "EventInput", "Memory", "Webhook", "Delivery", "DeliveryLog", "Key", "Problem", "EventList"} {
		if doc.Components.Schemas[want] == nil {
			t.Errorf("no schema %s among %v", want, slices.Sorted(maps.Keys(doc.Components.Schemas)))
		}
	}
}
