package alma_test

import (
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
)

// A record becomes a typed memory. What the type does not name is in Extra.
func ExampleDecodeMemory() {
	record := alma.Memory{
		ID: "m1", Type: alma.TypeHeuristic, Agent: "qa_tester",
		Data: json.RawMessage(`{"strategy":"Use incremental validation","confidence":0.85,"category":"forms"}`),
	}
	h, err := alma.DecodeMemory[alma.Heuristic](record)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Strategy, h.Confidence, string(h.Extra["category"]))
	// Output: Use incremental validation 0.85 "forms"
}

// Validation names every fault at once.
func ExampleMemory_Prepare() {
	m := alma.Memory{Type: alma.TypeHeuristic, Data: json.RawMessage(`{"confidence":85}`)}
	fmt.Println(m.Prepare(now))
	// Output: alma: invalid input: data.strategy: missing: a memory of type heuristic needs it as its main text; data.confidence: want a number from 0 to 1
}
