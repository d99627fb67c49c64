package dashboard_test

import (
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

func TestAnEventShowsItsTrace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	ctx := alma.WithTrace(t.Context(), "00-"+trace+"-00f067aa0ba902b7-01")
	if _, err := r.manager.Append(ctx, alma.Event{ID: "evt_traced", Type: "LOAN_CREATED", MemoryID: "loan-1"}); err != nil {
		t.Fatal(err)
	}
	v := r.visitor(r.admin)
	wantIn(t, v.get("/events/evt_traced"), "<dt>Trace</dt>", trace)
	if p := v.get("/events/" + r.append("library")); strings.Contains(p.body, "<dt>Trace</dt>") {
		t.Error("an event without a trace shows one")
	}
}
