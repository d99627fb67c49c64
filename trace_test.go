package alma_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
)

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestParseTraceParent(t *testing.T) {
	t.Parallel()
	const ids = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
	for name, c := range map[string]struct {
		values []string
		want   alma.TraceParent
	}{
		"sampled":                  {[]string{traceParent}, traceParent},
		"not sampled":              {[]string{"00" + ids + "00"}, "00" + ids + "00"},
		"random ids":               {[]string{"00" + ids + "03"}, "00" + ids + "03"},
		"flags of later levels":    {[]string{"00" + ids + "ff"}, "00" + ids + "03"},
		"a later version":          {[]string{"cc" + ids + "01"}, traceParent},
		"a longer later version":   {[]string{"01" + ids + "01-what-comes"}, traceParent},
		"missing":                  {nil, ""},
		"empty":                    {[]string{""}, ""},
		"given twice":              {[]string{traceParent, traceParent}, ""},
		"too short":                {[]string{"00" + ids + "0"}, ""},
		"too long":                 {[]string{traceParent + "-00"}, ""},
		"later, without separator": {[]string{"01" + ids + "01what"}, ""},
		"no version":               {[]string{"ff" + ids + "01"}, ""},
		"no hexadecimal version":   {[]string{"0x" + ids + "01"}, ""},
		"no hexadecimal flags":     {[]string{"00" + ids + "0x"}, ""},
		"upper case":               {[]string{strings.ToUpper(traceParent)}, ""},
		"no trace":                 {[]string{"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, ""},
		"no span":                  {[]string{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}, ""},
		"other separators":         {[]string{strings.ReplaceAll(traceParent, "-", "_")}, ""},
		"spaces":                   {[]string{" " + traceParent}, ""},
		"a break of line":          {[]string{traceParent[:54] + "\n"}, ""},
	} {
		if got := alma.ParseTraceParent(c.values...); got != c.want {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
}

func TestPartsOfATraceParent(t *testing.T) {
	t.Parallel()
	p := alma.TraceParent(traceParent)
	if p.TraceID() != "4bf92f3577b34da6a3ce929d0e0e4736" || p.SpanID() != "00f067aa0ba902b7" || !p.Sampled() {
		t.Errorf("%s: trace %q, span %q, sampled %v", p, p.TraceID(), p.SpanID(), p.Sampled())
	}
	none := alma.TraceParent("")
	if none.TraceID() != "" || none.SpanID() != "" || none.Sampled() {
		t.Errorf("none: trace %q, span %q, sampled %v", none.TraceID(), none.SpanID(), none.Sampled())
	}
}

// What is kept is always well-formed, and parses to itself.
func FuzzParseTraceParent(f *testing.F) {
	f.Add(traceParent)
	f.Add("cc" + traceParent[2:] + "-x")
	f.Fuzz(func(t *testing.T, s string) {
		got := alma.ParseTraceParent(s)
		if got != "" && (alma.ParseTraceParent(string(got)) != got || len(got) != len(traceParent) || got[:2] != "00") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestTheTraceOfAnEvent(t *testing.T) {
	t.Parallel()
	for given, want := range map[alma.TraceParent]alma.TraceParent{traceParent: traceParent, "what": "", "": ""} {
		ev := alma.Event{Type: alma.Created, MemoryID: "m", Trace: given}
		if err := ev.Prepare(time.Now()); err != nil || ev.Trace != want {
			t.Errorf("%q became %q, %v; want %q", given, ev.Trace, err, want)
		}
	}
}

func TestTheTraceOfAContext(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if got := alma.TraceOf(ctx); got != "" {
		t.Errorf("a plain context has trace %q", got)
	}
	if alma.WithTrace(ctx, "") != ctx {
		t.Error("no trace makes a new context")
	}
	if got := alma.TraceOf(alma.WithTrace(ctx, traceParent)); got != traceParent {
		t.Errorf("got %q", got)
	}
}
