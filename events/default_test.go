package events_test

import (
	"errors"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// Not parallel: it changes the default emitter.
func TestDefaultAndReset(t *testing.T) {
	first := events.Default()
	if first != events.Default() {
		t.Error("Default returns another emitter each time")
	}
	fresh := events.Reset()
	if fresh == first || fresh != events.Default() {
		t.Error("Reset put no fresh emitter in place")
	}
	if err := first.Emit(t.Context(), newEvent("e", alma.Created)); !errors.Is(err, alma.ErrClosed) {
		t.Errorf("the old emitter says %v, want ErrClosed", err)
	}
}
