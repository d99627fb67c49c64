package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

// refusal is an answer that says what was wrong (RFC 9457). It repeats nothing
// of the request.
type refusal struct {
	status int
	detail string
	faults []alma.Fault
	header [2]string
	cause  error // For the log.
}

func (f *refusal) Error() string { return f.detail }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, detail: fmt.Sprintf(format, args...)}
}

func (f *refusal) allowing(methods string) *refusal {
	f.header = [2]string{"Allow", methods}
	return f
}

func (f *refusal) because(err error) *refusal {
	f.cause = err
	return f
}

var errNoSource = refuse(http.StatusNotFound, "there is no such source")

// maxFaults keeps an answer short.
const maxFaults = 100

// malformed lists the faults of a body that came from a verified sender.
func malformed(err error) *refusal {
	f := refuse(http.StatusUnprocessableEntity, "the body is no event of the source's format")
	var invalid *alma.ValidationError
	if !errors.As(err, &invalid) {
		return f
	}
	f.faults = invalid.Faults[:min(len(invalid.Faults), maxFaults)]
	var fields []string // What stands there may quote the body, which is not for the log.
	for _, fault := range f.faults {
		fields = append(fields, strconv.Quote(fault.Field))
	}
	return f.because(fmt.Errorf("faults at %s", strings.Join(fields, ", ")))
}

// refusalOf says what an error means for the sender; nil for one that is no
// business of theirs.
func refusalOf(err error) *refusal {
	var f *refusal
	var invalid *alma.ValidationError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &invalid):
		return malformed(err)
	case errors.Is(err, alma.ErrLowDisk):
		return refuse(http.StatusInsufficientStorage, "the disk is nearly full: nothing was stored; send it again later").because(err)
	case errors.Is(err, alma.ErrUnavailable), errors.Is(err, alma.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f = refuse(http.StatusServiceUnavailable, "the events could not be stored now; send them again").because(err)
		f.header = [2]string{"Retry-After", "1"}
		return f
	}
	return nil
}

// answer refuses a request, and notes it in the log.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, err error) {
	f := refusalOf(err)
	if f == nil {
		f = refuse(http.StatusInternalServerError, "the server failed; its log says why").because(err)
	}
	h.refusals.note(r, f)
	if f.header[0] != "" {
		w.Header().Set(f.header[0], f.header[1])
	}
	problem := struct {
		Type   string       `json:"type"`
		Title  string       `json:"title"`
		Status int          `json:"status"`
		Detail string       `json:"detail"`
		Errors []alma.Fault `json:"errors"`
	}{"about:blank", http.StatusText(f.status), f.status, f.detail, append([]alma.Fault{}, f.faults...)}
	writeJSON(w, f.status, "application/problem+json", problem)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // The sender may have gone.
}
