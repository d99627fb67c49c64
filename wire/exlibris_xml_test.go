package wire_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

const loanXML = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` +
	`<webhook><id>4700000000000000001</id><action>LOAN</action>` +
	`<institution desc="Example University">01EXAMPLE_INST</institution><time>2026-01-28T12:00:00.120Z</time>` +
	`<event desc="Loan created">LOAN_CREATED</event>` +
	`<item_loan><loan_id>6900000000000001</loan_id><circ_desk desc="Main Desk">MAIN</circ_desk><user_id>jsample</user_id>` +
	`<due_date>2026-02-11T23:59:00Z</due_date><title>Bücher &amp; &lt;Regale&gt; &#34;neu&#34;</title>` +
	`<location_code name="Stacks">STACKS</location_code><item_policy description="Two weeks">14</item_policy>` +
	`<renewable>true</renewable><future><x>1.5</x></future><future><x>2</x></future></item_loan></webhook>`

func TestExlibrisXML(t *testing.T) {
	t.Parallel()
	body := ownBodies(t)["loan_created.json"]
	msg, err := exlibrisFormat(t).Encode([]*alma.Event{decodeExlibris(t, body)}, wire.Form{XML: true})
	if err != nil {
		t.Fatal(err)
	}
	if string(msg.Body) != loanXML || msg.ContentType != "application/xml" {
		t.Errorf("%s\n%s\nwant %s", msg.ContentType, msg.Body, loanXML)
	}
}

// TestExlibrisThroughXML: what XML can carry comes out as it was in JSON:
// numbers, arrays of one, and codes without a description too.
func TestExlibrisThroughXML(t *testing.T) {
	t.Parallel()
	for name, body := range ownBodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkThroughXML(t, decodeExlibris(t, body))
		})
	}
}

func checkThroughXML(t *testing.T, want *alma.Event) {
	t.Helper()
	asXML := encodeExlibris(t, want, wire.Form{XML: true})
	checkWellFormed(t, asXML)
	got := decodeExlibris(t, []byte(asXML))
	if d := cmp.Diff(carriedByXML(t, want.Data, ""), carriedByXML(t, got.Data, "")); d != "" {
		t.Errorf("through %s\nthe record changed (-want +got):\n%s", asXML, d)
	}
	w, g := *want, *got
	w.Data, w.Envelope, g.Data, g.Envelope = nil, nil, nil, nil
	if d := cmp.Diff(w, g); d != "" {
		t.Errorf("the event changed (-want +got):\n%s", d)
	}
}

func checkWellFormed(t failer, text string) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// carriedByXML returns what is left of a value when nulls and empty arrays are
// left out. Kinds of values that are not known from a struct are all texts.
func carriedByXML(t failer, raw []byte, kinds string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return pruned(v, kinds == "texts")
}

func pruned(v any, texts bool) any {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, m any) bool { return pruned(m, texts) == nil })
		for name := range v {
			v[name] = pruned(v[name], texts)
		}
		return folded(v, texts)
	case []any:
		v = slices.DeleteFunc(v, func(item any) bool { return pruned(item, texts) == nil })
		for i := range v {
			v[i] = pruned(v[i], texts)
		}
		switch {
		case len(v) == 0:
			return nil
		case len(v) == 1 && texts:
			return v[0]
		}
		return v
	case nil, string:
		return v
	default:
		if texts {
			b, _ := json.Marshal(v)
			return string(b)
		}
		return v
	}
}

// folded is what an object becomes that has no members, or none but a value.
func folded(v map[string]any, texts bool) any {
	value, isText := v["value"].(string)
	switch {
	case !texts:
		return v
	case len(v) == 0:
		return ""
	case len(v) == 1 && isText:
		return value
	default:
		return v
	}
}

func TestExlibrisXMLRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing in it":       `<webhook/>`,
		"a text":              `<webhook>x</webhook>`,
		"another root":        `<hook><id>1</id></hook>`,
		"two roots":           loanXML + `<webhook><id>1</id></webhook>`,
		"cut off":             loanXML[:400],
		"text behind":         loanXML + "x",
		"a document type":     `<!DOCTYPE webhook [<!ENTITY a "x">]>` + strings.TrimPrefix(loanXML, loanXML[:55]),
		"an entity":           strings.Replace(loanXML, "jsample", "&a;", 1),
		"another charset":     strings.Replace(loanXML, "UTF-8", "ISO-8859-1", 1),
		"a control character": strings.Replace(loanXML, "jsample", "&#1;", 1),
		"too deep":            `<webhook><id>1</id><action>LOAN</action><item_loan>` + strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200) + `</item_loan></webhook>`,
		"absurdly deep":       strings.Repeat("<webhook>", 1<<18),
		"too large":           `<webhook><id>` + strings.Repeat("1", 4<<20) + `</id></webhook>`,
		"crossed":             `<webhook><id>1</action></webhook>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if events, err := exlibrisFormat(t).Decode(nil, []byte(body)); err == nil {
				t.Errorf("taken as %+v", events)
			}
		})
	}
	_, err := exlibrisFormat(t).Decode(nil, []byte(`<webhook><action a="1">x</action></webhook>`))
	wantFaults(t, err, []string{"id", "action"})
}

// TestExlibrisXMLAsOthersWriteIt: indented, with comments, namespaces and
// attributes of its own.
func TestExlibrisXMLAsOthersWriteIt(t *testing.T) {
	t.Parallel()
	const body = "\ufeff" + `<?xml version="1.0"?>
<!-- a comment -->
<webhook xmlns="urn:x" xmlns:xsi="urn:y">
  <id>1</id> <action>LOAN</action>
  <institution>01X</institution>
  <event></event>
  <item_loan link="/loans/2" xsi:type="loan">
    <loan_id><![CDATA[2]]></loan_id>
    <note when="now">said <b>x</b></note>
  </item_loan>
</webhook>
`
	e := decodeExlibris(t, []byte(strings.TrimPrefix(body, "\ufeff")))
	if want := `{"link":"/loans/2","loan_id":"2","note":{"value":"said ","when":"now","b":"x"}}`; string(e.Data) != want {
		t.Errorf("record %s\nwant   %s", e.Data, want)
	}
	if e.Type != "LOAN" || e.ProjectID != "01X" || e.MemoryID != "2" {
		t.Errorf("event %+v", e)
	}
}

// TestExlibrisContentTypeDecides: and the first byte where there is none.
func TestExlibrisContentTypeDecides(t *testing.T) {
	t.Parallel()
	body := ownBodies(t)["loan_created.json"]
	for _, c := range []struct {
		contentType string
		body        []byte
		ok          bool
	}{
		{"application/json;charset=UTF-8", body, true},
		{"application/xml", []byte(loanXML), true},
		{"text/xml; charset=utf-8", []byte(loanXML), true},
		{"", []byte(loanXML), true},
		{"text/plain", body, true},
		{"application/json", []byte(loanXML), false},
		{"application/xml", body, false},
	} {
		_, err := exlibrisFormat(t).Decode(http.Header{"Content-Type": {c.contentType}}, c.body)
		if (err == nil) != c.ok {
			t.Errorf("%q with %.20s: %v", c.contentType, c.body, err)
		}
	}
}

func TestExlibrisXMLCannotCarry(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"a b":1}`:         `the member name "a b" cannot be the name of an XML element`,
		`{"":1}`:            `the member name "" cannot`,
		`{"1a":1}`:          `the member name "1a" cannot`,
		`{"a":{"x:y":"z"}}`: `the member name "x:y" cannot`,
		`{"a":[[1]]}`:       `the member "a" holds an array in an array`,
	} {
		e := libraryEvent()
		e.Data = json.RawMessage(data)
		_, err := exlibrisFormat(t).Encode([]*alma.Event{e}, wire.Form{XML: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", data, err, want)
		}
		if _, err := exlibrisFormat(t).Encode([]*alma.Event{e}, wire.Form{}); err != nil {
			t.Errorf("%s in JSON: %v", data, err)
		}
	}
}

func TestExlibrisXMLTexts(t *testing.T) {
	t.Parallel()
	e := libraryEvent()
	e.Data = json.RawMessage(`{"loan_id":"7","title":"a\u0000\u0001\u001f\ufffe\ud800b","x":" \r\n\t ","y":"]]>","z":{"value":"a\nb\"<","desc":"\t'"},"e":"","o":{},"n":[null,1e2,null],"c":{"value":null,"desc":"d"},"m":[]}`)
	const want = `<title>a�����b</title><x> &#xD;&#xA;&#x9; </x><y>]]&gt;</y><z desc="&#x9;&#39;">a&#xA;b&#34;&lt;</z><e></e><o></o><n>100</n><c desc="d"></c></item_loan>`
	got := encodeExlibris(t, e, wire.Form{XML: true})
	if !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back := decodeExlibris(t, []byte(got))
	const record = `{"loan_id":"7","title":"a�����b","x":" \r\n\t ","y":"]]>","z":{"value":"a\nb\"<","desc":"\t'"},"e":"","o":"","n":"100","c":{"value":"","desc":"d"}}`
	if string(back.Data) != record {
		t.Errorf("back %s\nwant %s", back.Data, record)
	}
}

// TestExlibrisAnythingThroughXML: whatever has names that XML can have comes
// back, but for what kind of value it was.
func TestExlibrisAnythingThroughXML(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := libraryEvent()
		value := rapid.Custom(func(t *rapid.T) string { return drawForXML(t, 3, true) }).Draw(t, "value")
		e.Data = json.RawMessage(`{"loan_id":"7","drawn":` + value + `}`)
		f, _ := wire.Lookup(alma.FormatExlibris)
		msg, err := f.Encode([]*alma.Event{e}, wire.Form{XML: true})
		if err != nil {
			t.Fatal(err)
		}
		checkWellFormed(t, string(msg.Body))
		events, err := f.Decode(nil, msg.Body)
		if err != nil {
			t.Fatalf("%v in %s", err, msg.Body)
		}
		if d := cmp.Diff(carriedByXML(t, e.Data, "texts"), carriedByXML(t, events[0].Data, "texts")); d != "" {
			t.Fatalf("%s\nthrough %s\n(-want +got):\n%s", e.Data, msg.Body, d)
		}
	})
}

func drawForXML(t *rapid.T, depth int, lists bool) string {
	kinds := []string{"text", "literal", "coded"}
	if depth > 0 {
		kinds = append(kinds, "object")
		if lists {
			kinds = append(kinds, "list")
		}
	}
	text := func() string {
		b, _ := json.Marshal(rapid.StringMatching(`[^\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]{0,5}`).Draw(t, "text"))
		return string(b)
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "object":
		members := rapid.MapOfN(rapid.StringMatching(`[a-w_][a-zA-Z0-9._-]{0,3}`), rapid.Custom(func(t *rapid.T) string { return drawForXML(t, depth-1, true) }), 0, 4).Draw(t, "members")
		var list []string
		for name, value := range members {
			list = append(list, `"`+name+`":`+value)
		}
		return "{" + strings.Join(list, ",") + "}"
	case "list":
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawForXML(t, depth-1, false) }), 0, 3).Draw(t, "items")
		return "[" + strings.Join(items, ",") + "]"
	case "coded":
		return `{"value":` + text() + `,"` + rapid.SampledFrom([]string{"desc", "name", "description"}).Draw(t, "described") + `":` + text() + `}`
	case "literal":
		return rapid.SampledFrom([]string{"null", "true", "false", "0", "-1.5", "100"}).Draw(t, "literal")
	default:
		return text()
	}
}

func FuzzExlibrisXML(f *testing.F) {
	f.Add([]byte(loanXML))
	f.Add([]byte(`<webhook><id>1</id><action>NOTIFICATION</action><notification_data a="b">x<item/><item><y/></item></notification_data></webhook>`))
	f.Add([]byte(`<webhook><id>1</id><action>X</action><y value="1" desc="2">3</y></webhook>`))
	f.Fuzz(checkExlibrisBody(http.Header{"Content-Type": {"application/xml"}}))
}

func FuzzExlibrisJSON(f *testing.F) {
	for _, body := range ownBodies(f) {
		f.Add(body)
	}
	f.Add([]byte(`{"id":"\ud800","action":"X","y":{"2":1,"1":1e999,"2":3},"event":{"value":""},"z":null}`))
	f.Fuzz(checkExlibrisBody(http.Header{"Content-Type": {"application/json"}}))
}

// checkExlibrisBody: what was taken can be written, and read again to the same
// event.
func checkExlibrisBody(header http.Header) func(t *testing.T, body []byte) {
	return func(t *testing.T, body []byte) {
		format := exlibrisFormat(t)
		events, err := format.Decode(header, body)
		if err != nil {
			return
		}
		events[0].ID = "evt_1"
		if !format.Carries(&events[0]) {
			t.Fatalf("taken, but not carried: %+v", events[0])
		}
		first, err := format.Encode([]*alma.Event{&events[0]}, wire.Form{})
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		again, err := format.Decode(nil, first.Body)
		if err != nil {
			t.Fatalf("encoded, but not decoded: %v\n%s", err, first.Body)
		}
		again[0].ID = "evt_1"
		second, err := format.Encode([]*alma.Event{&again[0]}, wire.Form{})
		if err != nil || string(second.Body) != string(first.Body) {
			t.Fatalf("%v: written as %s\nthen %s", err, first.Body, second.Body)
		}
		if msg, err := format.Encode([]*alma.Event{&events[0]}, wire.Form{XML: true}); err == nil {
			checkWellFormed(t, string(msg.Body))
			if _, err := format.Decode(nil, msg.Body); err != nil {
				t.Fatalf("written in XML, but not read: %v\n%s", err, msg.Body)
			}
		}
	}
}
