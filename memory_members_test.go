package alma

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMembersMatchStructs keeps the table of members, which validation uses,
// and the structs, which users see, from drifting apart.
func TestMembersMatchStructs(t *testing.T) {
	t.Parallel()
	structs := []Typed{Heuristic{}, Outcome{}, Preference{}, DomainKnowledge{}, AntiPattern{}}
	forms := map[string]memberForm{
		"string": formText, "int": formCount, "int64": formCount, "float64": formFraction,
		"bool": formTruth, "Time": formTime, "": formObject,
	}
	for i, typed := range structs {
		if kind := MemoryTypes()[i]; typed.Kind() != kind {
			t.Errorf("%T is of kind %s, want %s", typed, typed.Kind(), kind)
		}
		var want []member
		rt := reflect.TypeOf(typed)
		for f := range rt.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
				want = append(want, member{name, forms[f.Type.Name()]})
			}
		}
		if diff := cmp.Diff(want, membersOf(typed.Kind()), cmp.AllowUnexported(member{})); diff != "" {
			t.Errorf("%T (-struct +table):\n%s", typed, diff)
		}
		if main := MainMember(typed.Kind()); !names(typed.Kind(), main) {
			t.Errorf("%T: the main member %q is not in the table", typed, main)
		}
	}
	if MainMember("item_loan") != "" || membersOf("item_loan") != nil {
		t.Error("a library record is taken for a memory")
	}
}
