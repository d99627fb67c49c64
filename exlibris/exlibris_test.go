package exlibris_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	seen := map[alma.EventType]bool{}
	for _, e := range exlibris.Catalogue() {
		if seen[e.Type] {
			t.Errorf("%s is listed twice", e.Type)
		}
		seen[e.Type] = true
		if got, ok := exlibris.Lookup(e.Type); !ok || got != e {
			t.Errorf("%s: looked up %+v, %v", e.Type, got, ok)
		}
		if e.HasCode() != (e.Desc != "") {
			t.Errorf("%s: a code has a description, and what has no code has none: %+v", e.Type, e)
		}
		if a, ok := exlibris.ActionOf(e.Type, e.Payload); !ok || a != e.Action {
			t.Errorf("%s: the action is %q, %v", e.Type, a, ok)
		}
		if p, ok := exlibris.PayloadOf(e.Action); !ok || p != e.Payload {
			t.Errorf("%s: the payload is %q, %v", e.Action, p, ok)
		}
		record, ok := reflect.ValueOf(exlibris.Prototype(e.Payload)).Elem().Interface().(exlibris.Payload)
		if !ok || record.MemoryType() != e.Payload {
			t.Errorf("%s: no struct for %s", e.Type, e.Payload)
		}
		var faults alma.Faults
		if alma.CheckEventType(&faults, "event_type", e.Type); faults.Err() != nil {
			t.Error(faults.Err())
		}
	}
	for _, inferred := range []alma.EventType{"LOAN_LOST", "LOAN_CLAIMED_RETURNED", "ITEM_CREATED", "ITEM_DELETED"} {
		if e, _ := exlibris.Lookup(inferred); e.Status != exlibris.Inferred {
			t.Errorf("%s is not marked as inferred", inferred)
		}
	}
	if _, ok := exlibris.Lookup("CREATED"); ok || exlibris.Prototype("heuristic") != nil {
		t.Error("an event of a memory is none of the library's")
	}
}

func TestActionOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event   alma.EventType
		payload alma.MemoryType
		want    exlibris.Action
	}{
		{"LOAN_CREATED", "", "LOAN"},
		{"LOAN", "item_loan", "LOAN"},
		{"LOAN_PROLONGED", "item_loan", "LOAN"},
		{"LOAN_PROLONGED", "", ""},
		{"LOAN_CREATED", "bib", ""},
		{"LOANER", "item_loan", ""},
		{"CREATED", "item_loan", ""},
		{"CREATED", "heuristic", ""},
		{"USER", "webhook_user", "USER"},
		{"HOLDING_CREATED", "holding", ""},
	} {
		if got, ok := exlibris.ActionOf(c.event, c.payload); got != c.want || ok != (c.want != "") {
			t.Errorf("%s of %q is announced as %q, %v; want %q", c.event, c.payload, got, ok, c.want)
		}
	}
}

func TestTypesOf(t *testing.T) {
	t.Parallel()
	got := exlibris.TypesOf(exlibris.ActionBib)
	if want := []alma.EventType{"BIB_CREATED", "BIB_UPDATED", "BIB_DELETED", "BIB"}; !reflect.DeepEqual(got, want) {
		t.Errorf("BIB stands for %v; want %v", got, want)
	}
	if got := exlibris.TypesOf("LOAN_CREATED"); len(got) != 0 {
		t.Errorf("a code is no action, and stands for %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event  alma.EventType
		record exlibris.Payload
		field  string
	}{
		"another record": {exlibris.LoanCreated, exlibris.Bib{MMSID: "1"}, "event_type"},
		"unknown":        {"CREATED", exlibris.Loan{LoanID: "1"}, "event_type"},
		"no loan id":     {exlibris.LoanCreated, exlibris.Loan{}, "memory_id"},
		"no user id":     {exlibris.UserCreated, exlibris.UserChange{}, "memory_id"},
		"no item id":     {exlibris.ItemUpdated, exlibris.Item{}, "memory_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := exlibris.New(c.event, exlibris.Institution{}, c.record)
			var faults *alma.ValidationError
			if !errors.As(err, &faults) || len(faults.Faults) != 1 || faults.Faults[0].Field != c.field {
				t.Errorf("got %v; want a fault of %s", err, c.field)
			}
		})
	}
}

func TestNewFitsTheLog(t *testing.T) {
	t.Parallel()
	e, err := exlibris.New(exlibris.NotificationSent, exlibris.Institution{Value: "01X", Desc: "<X> & Co"}, exlibris.Notification{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Prepare(e.Timestamp); err != nil {
		t.Error(err)
	}
	if want := `{"institution":{"value":"01X","desc":"<X> & Co"}}`; string(e.Envelope) != want || e.ProjectID != "01X" {
		t.Errorf("envelope %s, project %q; want %s", e.Envelope, e.ProjectID, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	e := alma.Event{ID: "evt_1", Type: exlibris.LoanCreated, MemoryType: exlibris.PayloadLoan, Data: []byte(`{"renewable":"perhaps"}`)}
	if _, err := exlibris.Decode[exlibris.Bib](e); err == nil || !strings.Contains(err.Error(), `"item_loan", not "bib"`) {
		t.Errorf("a loan as a bib: %v", err)
	}
	if _, err := exlibris.Decode[exlibris.Loan](e); err == nil || !strings.Contains(err.Error(), "renewable") {
		t.Errorf("a member of another kind: %v", err)
	}
}

func TestWebhookID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		got := exlibris.WebhookID(id)
		if len(got) != 19 || got[0] < '1' || got[0] > '9' || strings.Trim(got, "0123456789") != "" {
			t.Fatalf("%q: %s is no number of 19 digits", id, got)
		}
		if got != exlibris.WebhookID(id) || got == exlibris.WebhookID(id+"x") {
			t.Fatalf("%q: %s", id, got)
		}
	})
}

func TestRecordID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		payload      alma.MemoryType
		record, want string
	}{
		{"item_loan", `{"loan_id":"1"}`, "1"},
		{"item", `{"item_data":{"pid":"2"}}`, "2"},
		{"webhook_user", `{"user":{"primary_id":"ü"}}`, "ü"},
		{"webhook_user", `{"user":null}`, ""},
		{"item_loan", `{"loan_id":7}`, ""},
		{"item_loan", `[]`, ""},
		{"notification_data", `{"id":"1"}`, ""},
		{"heuristic", `{"id":"1"}`, ""},
	} {
		if got := exlibris.RecordID(c.payload, []byte(c.record)); got != c.want {
			t.Errorf("%s %s: %q; want %q", c.payload, c.record, got, c.want)
		}
	}
}

// samples are real bodies, which lie beside a checkout and are not part of it.
const samples = "../../shared/samples/exlibris"

// TestRealRecords: a record goes through its struct and comes out byte for byte.
func TestRealRecords(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob(filepath.Join(samples, "*.json"))
	if len(files) == 0 {
		t.Skip("the real bodies are not beside this checkout")
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		known := 0
		for _, payload := range payloads() {
			if record := body[string(payload)]; record != nil && string(record) != "null" {
				known++
				checkThrough(t, file, payload, record)
			}
		}
		if known != 1 {
			t.Errorf("%s: %d records are known; want one", file, known)
		}
	}
}

func payloads() []alma.MemoryType {
	var list []alma.MemoryType
	for _, e := range exlibris.Catalogue() {
		if !slices.Contains(list, e.Payload) {
			list = append(list, e.Payload)
		}
	}
	return list
}

func checkThrough(t failer, where string, payload alma.MemoryType, record []byte) {
	t.Helper()
	into := exlibris.Prototype(payload)
	if err := json.Unmarshal(record, into); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	got, err := plain(into)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, record); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%s: the record changed\nfrom %s\nto   %s", where, want.Bytes(), got)
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// plain encodes without the escapes that encoding/json makes for HTML.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// TestRecordsPassThrough: whatever comes, named or not, goes out again in its
// place, byte for byte.
func TestRecordsPassThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.OneOf(
			rapid.SampledFrom([]string{"loan_id", "title", "author", "library", "renewable", "circ_desk", "value", "desc"}),
			rapid.StringMatching(`[a-zA-Z0-9_é<&]{1,8}`),
		), func(s string) string { return s }).Draw(t, "names")
		var members []string
		for _, name := range names {
			value := rapid.SampledFrom([]string{`null`, `1.50`, `"<&\u00e9>"`, `[1e2,{}]`, `{"b":1,"a":null}`}).Draw(t, "value")
			switch name {
			case "library", "circ_desk":
				value = rapid.SampledFrom([]string{`null`, `{}`, `{"x":1.0,"desc":null,"value":""}`}).Draw(t, "coded")
			case "renewable":
				value = rapid.SampledFrom([]string{`null`, `true`, `false`}).Draw(t, "bool")
			case "loan_id", "title", "author":
				value = rapid.SampledFrom([]string{`null`, `""`, `"\u0041"`}).Draw(t, "text")
			}
			members = append(members, `"`+name+`":`+value)
		}
		checkThrough(t, "drawn", exlibris.PayloadLoan, []byte("{"+strings.Join(members, ",")+"}"))
	})
}

func TestRecordChanges(t *testing.T) {
	t.Parallel()
	var loan exlibris.Loan
	const came = `{"extra":[1.0],"title":"Old","author":"A. Author","library":{"more":1,"value":"A","desc":"a"},"loan_id":"1","renewable":true}`
	if err := json.Unmarshal([]byte(came), &loan); err != nil {
		t.Fatal(err)
	}
	before := loan
	loan.Title, loan.Author, loan.Renewable = "New", "", false
	loan.Library.Value = "B"
	loan.UserID, loan.CircDesk = "u", exlibris.Coded{Value: "D"}
	if err := loan.SetMember("extra", json.RawMessage(`2`)); err != nil {
		t.Fatal(err)
	}
	if err := loan.SetMember("mine <>", json.RawMessage(`{"a":1.0}`)); err != nil {
		t.Fatal(err)
	}
	got, err := plain(loan)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"extra":2,"title":"New","author":"","library":{"more":1,"value":"B","desc":"a"},"loan_id":"1","renewable":false,"mine <>":{"a":1.0},"circ_desk":{"value":"D"},"user_id":"u"}`
	if string(got) != want {
		t.Errorf("changed to %s\nwant       %s", got, want)
	}
	if got, _ := plain(before); string(got) != came {
		t.Errorf("a copy changed with it: %s", got)
	}
	if err := loan.SetMember("x", json.RawMessage(`{`)); err == nil {
		t.Error("what is no JSON was taken")
	}
	if loan.Member("absent") != nil || string(loan.Member("extra")) != "2" {
		t.Error("members are not found by name")
	}
}

// TestEveryStructKeepsWhatCame: no struct was forgotten, at any depth.
func TestEveryStructKeepsWhatCame(t *testing.T) {
	t.Parallel()
	checked := map[reflect.Type]bool{}
	for _, e := range exlibris.Catalogue() {
		checkStruct(t, checked, reflect.TypeOf(exlibris.Prototype(e.Payload)).Elem())
	}
	if len(checked) < 20 {
		t.Errorf("only %d structs were found", len(checked))
	}
}

func checkStruct(t *testing.T, checked map[reflect.Type]bool, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || checked[typ] {
		return
	}
	checked[typ] = true
	last := typ.NumField() - 1
	if typ.Field(last).Type != reflect.TypeFor[exlibris.Record]() {
		t.Fatalf("%s does not end with its Record", typ)
	}
	for i := range last {
		checkStruct(t, checked, typ.Field(i).Type)
	}
	v := reflect.New(typ)
	const came = `{"b": 1.50,"a":null}`
	if err := json.Unmarshal([]byte(came), v.Interface()); err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	if got, err := plain(v.Interface()); err != nil || string(got) != `{"b":1.50,"a":null}` {
		t.Errorf("%s: %s became %s, %v", typ, came, got, err)
	}
	if err := json.Unmarshal([]byte(`[]`), v.Interface()); err == nil {
		t.Errorf("%s takes an array", typ)
	}
}
