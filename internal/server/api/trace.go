package api

import (
	"net/http"
	"strings"

	"github.com/alma-events/alma"
)

// appends reports whether calls append events, those of memories included.
func (o *operation) appends() bool {
	return o.method != http.MethodGet && (o.path == "/v1/events" || strings.HasPrefix(o.path, "/v1/memories"))
}

// trace puts a call that appends events into the trace that its caller names,
// and has it followed. It comes after the key was looked at, so that strangers
// have no say in what is recorded. The function that it returns ends that.
func (s *Server) trace(c *call) (end func()) {
	if !c.op.appends() {
		return func() {}
	}
	ctx := c.r.Context()
	if named := alma.ParseTraceParent(c.r.Header[headerTraceParent]...); named != "" {
		ctx = alma.WithTrace(ctx, named)
		c.r = c.r.WithContext(ctx)
	}
	if s.tracing == nil {
		return func() {}
	}
	ctx, ended := s.tracing(ctx, c.op.method, c.op.path, c.w.Header().Get(headerRequestID))
	c.r = c.r.WithContext(ctx)
	return func() { ended(c.status()) }
}

// headerTraceParent is the name as net/http keeps it.
var headerTraceParent = http.CanonicalHeaderKey(alma.HeaderTraceParent)

// status is what was answered; 500 after a panic.
func (c *call) status() int {
	status := 0
	switch w := c.w.(type) {
	case *answer:
		status = w.status
	case *held:
		status = w.status
	}
	if status == 0 {
		return http.StatusInternalServerError
	}
	return status
}
