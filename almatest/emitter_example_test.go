package almatest_test

import (
	"fmt"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
)

// A test of code that emits: an emitter of its own, and what it captured.
func ExampleNewCapture() {
	test := func(t *testing.T) {
		emitter := almatest.NewEmitter(t)
		capture := almatest.NewCapture(t, emitter, alma.Created)

		// Trigger your code with emitter here.

		for _, ev := range capture.Wait(t.Context(), 1) {
			fmt.Println(ev.MemoryID)
		}
	}
	_ = test
}
