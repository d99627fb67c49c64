package inbound

import (
	"net/http"

	"github.com/alma-events/alma"
)

// Route is the pattern under which a [Handler] is reached.
const Route = "/in/{source}"

// append stores the events of a request and has that followed. What the sender
// names as its trace is told, and nothing else: events of strangers begin traces
// of their own.
func (h *Handler) append(r *http.Request, events []alma.Event) ([]alma.Appended, error) {
	ctx := r.Context()
	if h.cfg.Trace == nil {
		return h.cfg.Appender.Append(ctx, events...) //nolint:wrapcheck // The caller names the operation.
	}
	status := http.StatusInternalServerError
	ctx, end := h.cfg.Trace(ctx, r.Method, Route, alma.ParseTraceParent(r.Header[headerTraceParent]...))
	defer func() { end(status) }()
	appended, err := h.cfg.Appender.Append(ctx, events...)
	if err == nil {
		status = http.StatusOK
	} else if f := refusalOf(err); f != nil {
		status = f.status
	}
	return appended, err //nolint:wrapcheck // The caller names the operation.
}

// headerTraceParent is the name as net/http keeps it.
var headerTraceParent = http.CanonicalHeaderKey(alma.HeaderTraceParent)
