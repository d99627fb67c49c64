package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"testing"

	"github.com/alma-events/alma"
)

// FuzzDecodeEvents feeds the body of POST /v1/events: it never panics, and
// what it takes without a fault is what encoding/json reads.
func FuzzDecodeEvents(f *testing.F) {
	for _, seed := range []string{
		`{"event_type":"CREATED","memory_id":"m","data":{"a":[1,2,{"b":"\"}"}]}}`,
		` [ { "event_type" : "X" , "memory_id":"\u00e9\\" , "job":{"id":"j","records":3} } , {} ] `,
		`{"timestamp":"2026-01-28T12:00:00Z","envelope":{},"data":null}`, `[]`, `{}`, `null`, `-1.5e3`, `"x"`, `[[`, `{"a":1,"a":2}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkText(body) != nil {
			return
		}
		var faults faultList
		events := decodeEvents(&faults, body)
		if faults.err() != nil {
			return
		}
		want := []alma.Event{}
		if space(body)[0] == '{' {
			body = append(append([]byte("["), body...), ']')
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%s was taken, but encoding/json says %v", body, err)
		}
		for i := range want {
			if len(events) != len(want) || events[i].MemoryID != want[i].MemoryID || events[i].Type != want[i].Type ||
				!events[i].Timestamp.Equal(want[i].Timestamp) || !reflect.DeepEqual(events[i].Job, want[i].Job) || !sameRaw(events[i].Data, want[i].Data) {
				t.Fatalf("%s became %+v, want %+v", body, events, want)
			}
		}
	})
}

func sameRaw(a, b json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(a), bytes.TrimSpace(b)) }

func TestMembersAndElements(t *testing.T) {
	t.Parallel()
	const text = " {\"a\" : 1 ,\"b\\n\":\"x,}\\\"\", \"c\":[1,{\"d\":\"]\"}] ,\"e\":{ } , \"f\":null,\"g\":true\n} "
	got := map[string]string{}
	for name, value := range members([]byte(text)) {
		got[name] = string(value)
	}
	want := map[string]string{"a": "1", "b\n": `"x,}\""`, "c": `[1,{"d":"]"}]`, "e": "{ }", "f": "null", "g": "true"}
	if !maps.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	var list []string
	for value := range elements([]byte(" [ 1,\"]\" , [2, 3],{} ] ")) {
		list = append(list, string(value))
	}
	if !reflect.DeepEqual(list, []string{"1", `"]"`, "[2, 3]", "{}"}) {
		t.Errorf("elements %q", list)
	}
}

func TestFaultsAreToldOncePerPlace(t *testing.T) {
	t.Parallel()
	var f faultList
	f.addf("a", "first")
	f.merge("", &alma.ValidationError{Faults: []alma.Fault{{Field: "a", Message: "second"}, {Field: "b", Message: "100%"}}})
	f.merge("c", errors.New("plain"))
	f.merge("d", nil)
	want := []alma.Fault{{Field: "a", Message: "first"}, {Field: "b", Message: "100%"}, {Field: "c", Message: "plain"}}
	if !reflect.DeepEqual(f.list, want) {
		t.Errorf("faults %v, want %v", f.list, want)
	}
}

func TestKeysAreNotRememberedAcrossRemoval(t *testing.T) {
	t.Parallel()
	var cache keyCache
	hash := [32]byte{1}
	before := cache.generation()
	cache.clear() // A key was removed between the lookup and its result.
	cache.put(hash, alma.Key{}, before)
	if _, ok := cache.get(hash); ok {
		t.Error("a key that was looked up before the removal is trusted")
	}
	for i := range maxKeys * 3 {
		cache.put([32]byte{byte(i), byte(i >> 8)}, alma.Key{}, cache.generation())
	}
	if len(cache.known) > maxKeys {
		t.Errorf("%d keys are remembered", len(cache.known))
	}
}
