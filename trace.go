package alma

import "context"

// TraceParent names a trace and the span that caused something, as W3C Trace
// Context writes it in a header traceparent:
// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01". Empty means none.
// https://www.w3.org/TR/trace-context/
type TraceParent string

// HeaderTraceParent carries a [TraceParent], in the case in which it is sent.
const HeaderTraceParent = "traceparent"

// Where the parts of a traceparent stand: version, trace id, span id, flags.
const (
	traceIDAt      = len("00-")
	spanIDAt       = traceIDAt + 32 + len("-")
	traceFlagsAt   = spanIDAt + 16 + len("-")
	traceParentLen = traceFlagsAt + 2

	traceFlagSampled = 1
	traceFlagRandom  = 2 // Level 2: the trace id is random enough to sample by it.
)

// ParseTraceParent reads the values of a header traceparent. One that is
// missing, repeated or malformed names no trace: a caller's tracing must never
// cost its request. A later version is read by the rules of this one, and what
// is returned is of version 00.
func ParseTraceParent(values ...string) TraceParent {
	if len(values) != 1 {
		return ""
	}
	s := values[0]
	if !isTraceParent(s) {
		return ""
	}
	const digits = "0123456789abcdef"
	flags := hexDigit(s[traceFlagsAt+1]) & (traceFlagSampled | traceFlagRandom)
	if s[:2] == "00" && len(s) == traceParentLen && s[traceFlagsAt] == '0' && s[traceFlagsAt+1] == digits[flags] {
		return TraceParent(s)
	}
	return TraceParent("00" + s[2:traceFlagsAt] + "0" + digits[flags:flags+1])
}

func isTraceParent(s string) bool {
	if len(s) < traceParentLen || s[2] != '-' || s[spanIDAt-1] != '-' || s[traceFlagsAt-1] != '-' {
		return false
	}
	if len(s) > traceParentLen && (s[:2] == "00" || s[traceParentLen] != '-') {
		return false // Version 00 ends here; others may go on with more members.
	}
	return isLowerHex(s[:2]) && s[:2] != "ff" && isID(s[traceIDAt:spanIDAt-1]) && isID(s[spanIDAt:traceFlagsAt-1]) &&
		isLowerHex(s[traceFlagsAt:traceParentLen])
}

// isID reports whether s is hexadecimal, and not all zeros.
func isID(s string) bool {
	zero := true
	for i := range len(s) {
		zero = zero && s[i] == '0'
	}
	return !zero && isLowerHex(s)
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// hexDigit returns the value of a digit that isLowerHex has seen.
func hexDigit(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c - 'a' + 10
}

// TraceID returns the 32 digits that name the trace; empty for none.
func (t TraceParent) TraceID() string {
	if len(t) != traceParentLen {
		return ""
	}
	return string(t[traceIDAt : spanIDAt-1])
}

// SpanID returns the 16 digits that name the span; empty for none.
func (t TraceParent) SpanID() string {
	if len(t) != traceParentLen {
		return ""
	}
	return string(t[spanIDAt : traceFlagsAt-1])
}

// Sampled reports whether whoever made it may have recorded the trace.
func (t TraceParent) Sampled() bool {
	return len(t) == traceParentLen && hexDigit(t[traceFlagsAt+1])&traceFlagSampled != 0
}

type traceKey struct{}

// WithTrace returns a context for what belongs to a trace: events that are
// appended with it, and name none of their own, belong there too. An empty t
// leaves ctx as it is.
func WithTrace(ctx context.Context, t TraceParent) context.Context {
	if t == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace that [WithTrace] gave a context; empty for none.
func TraceOf(ctx context.Context) TraceParent {
	t, _ := ctx.Value(traceKey{}).(TraceParent)
	return t
}
