package wire_test

import (
	"errors"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

func ExampleSignAlma() {
	fmt.Println(wire.SignAlma("your-secret-key", []byte(`{"a":1}`)))
	// Output: sha256=1461cc79254b3283a481c081ebfd6064a4aca96fd7dec2560fab32872b707f80
}

func ExampleVerifyAlma() {
	signature := "sha256=1461cc79254b3283a481c081ebfd6064a4aca96fd7dec2560fab32872b707f80"
	fmt.Println(wire.VerifyAlma("your-secret-key", []byte(`{"a":1}`), signature))
	err := wire.VerifyAlma("your-secret-key", []byte(`{"a":2}`), signature)
	fmt.Println(errors.Is(err, wire.ErrSignatureMismatch))
	// Output:
	// <nil>
	// true
}

func ExampleLookup() {
	format, _ := wire.Lookup(alma.FormatAlma)
	msg, err := format.Encode([]*alma.Event{{ID: "evt_1", Type: alma.Deleted, MemoryID: "mem_1", MemoryType: alma.TypeHeuristic}}, wire.Form{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(msg.Body))
	// Output: {"event_type":"DELETED","memory_id":"mem_1","memory_type":"heuristic","agent":"","project_id":"","timestamp":"0001-01-01T00:00:00Z","data":{},"event_id":"evt_1"}
}
