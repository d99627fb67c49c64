package almatest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/events"
)

func emitAs(t *testing.T, e *events.Emitter, types ...alma.EventType) {
	t.Helper()
	for _, typ := range types {
		if err := e.Emit(t.Context(), &alma.Event{Type: typ, MemoryID: "m1"}); err != nil {
			t.Error(err)
		}
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	e := almatest.NewEmitter(t)
	all, some := almatest.NewCapture(t, e), almatest.NewCapture(t, e, alma.Created, alma.Deleted)
	done := make(chan struct{})
	go func() {
		defer close(done)
		emitAs(t, e, alma.Created, alma.Updated, alma.Deleted)
	}()
	if got := some.Wait(t.Context(), 2); got[0].Type != alma.Created || got[1].Type != alma.Deleted {
		t.Errorf("captured %v", got)
	}
	<-done
	if n := len(all.Events()); n != 3 {
		t.Errorf("captured %d of all, want 3", n)
	}
}

func TestCaptureFailsWithWhatItHas(t *testing.T) {
	t.Parallel()
	e := almatest.NewEmitter(t)
	message := fails(t, func(ft testing.TB) {
		c := almatest.NewCapture(ft, e)
		emitAs(t, e, alma.Created)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		c.Wait(ctx, 2)
	})
	if !strings.Contains(message, "captured 1: \n  CREATED m1") {
		t.Errorf("failed with %q", message)
	}
}
