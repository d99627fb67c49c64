package memory

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestMergePatch holds the examples of RFC 7396, appendix A, that concern
// objects, and what our promise of order and number text adds.
func TestMergePatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"z":1.0,"a":2e3,"m":"<é>"}`, `{"a":12345678901234567890}`, `{"z":1.0,"a":12345678901234567890,"m":"<é>"}`},
	} {
		if got := string(mergePatch(json.RawMessage(c.target), json.RawMessage(c.patch))); got != c.want {
			t.Errorf("%s with %s: got %s, want %s", c.target, c.patch, got, c.want)
		}
	}
}

func TestObjectRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.Float64()).Draw(t, "object")
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		if err := json.Unmarshal(parseObject(b).encode(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestObjectWithAMemberTwice(t *testing.T) {
	t.Parallel()
	if got := string(parseObject([]byte(`{"a":1,"b":2,"a":3}`)).encode()); got != `{"a":3,"b":2}` {
		t.Errorf("got %s", got)
	}
	if parseObject([]byte(`[1]`)) != nil || parseObject(nil) != nil {
		t.Error("members in what is no object")
	}
}
