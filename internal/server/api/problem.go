package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/alma-events/alma"
)

// problem is an error answer (RFC 9457). It never repeats a value of the
// request that could be a secret.
type problem struct {
	Type      string       `json:"type" doc:"about:blank: the title says what the status means."`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail" doc:"What was wrong with this request."`
	Errors    []alma.Fault `json:"errors" nullable:"false" doc:"Every fault of the request; empty when it is no matter of single members."`
	RequestID string       `json:"request_id,omitempty" doc:"What to look for in the server's log."`

	header [][2]string // Sent with it.
}

// retrySoon is the Retry-After of answers that ask to come again, in seconds.
const retrySoon = "1"

func newProblem(status int, format string, args ...any) *problem {
	p := &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: fmt.Sprintf(format, args...), Errors: []alma.Fault{},
	}
	if status == http.StatusServiceUnavailable {
		p.header = [][2]string{{"Retry-After", retrySoon}}
	}
	return p
}

// Error makes a problem an error, so that handlers can return it.
func (p *problem) Error() string { return p.Detail }

// with adds a header to the answer.
func (p *problem) with(name, value string) *problem {
	p.header = append(p.header, [2]string{name, value})
	return p
}

func notAllowed(method string, allowed []string) *problem {
	list := strings.Join(allowed, ", ")
	return newProblem(http.StatusMethodNotAllowed, "%s cannot be used here; want %s", method, list).with("Allow", list)
}

// notFound says that the path names nothing that the key may see.
func notFound(what string) *problem {
	return newProblem(http.StatusNotFound, "%s", noSuch(what))
}

// noSuch says how to find what there is.
func noSuch(what string) string {
	list := "/v1/" + what + "s"
	switch what {
	case "memory":
		list = "/v1/memories"
	case "delivery":
		list = "/v1/deliveries"
	}
	return fmt.Sprintf("there is no such %s, or this key may not see it; GET %s lists those that there are", what, list)
}

// invalid is a 422 with these faults.
func invalid(faults []alma.Fault) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "the request has %s", plural(len(faults), "fault"))
	p.Errors = faults
	return p
}

// fault is a 422 with one fault.
func fault(field, format string, args ...any) *problem {
	return invalid([]alma.Fault{{Field: field, Message: fmt.Sprintf(format, args...)}})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// problemOf says what an error means for the caller; nil for an error that is
// no business of theirs.
func problemOf(err error) *problem {
	var p *problem
	var invalidInput *alma.ValidationError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &invalidInput):
		return invalid(invalidInput.Faults)
	case errors.Is(err, alma.ErrNotFound):
		return newProblem(http.StatusNotFound, "it does not exist")
	case errors.Is(err, alma.ErrLastAdminKey):
		return newProblem(http.StatusConflict, "this is the last admin key without a project; make another one first")
	case errors.Is(err, alma.ErrConflict):
		return newProblem(http.StatusConflict, "%s", conflictText(err))
	case errors.Is(err, alma.ErrLowDisk):
		return newProblem(http.StatusInsufficientStorage, "the disk is nearly full: nothing was stored; deliveries go on")
	case errors.Is(err, alma.ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, "the store cannot be reached now; try again")
	case errors.Is(err, alma.ErrClosed):
		return newProblem(http.StatusServiceUnavailable, "the server is shutting down; try again")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, "the request was given up before it was done; try again")
	}
	return nil
}

// conflictText is the error without the words that say only that it is one.
func conflictText(err error) string {
	text := strings.TrimSuffix(err.Error(), ": "+alma.ErrConflict.Error())
	return strings.TrimPrefix(text, "alma: ")
}

func writeProblem(w http.ResponseWriter, p *problem) {
	for _, h := range p.header {
		w.Header().Set(h[0], h[1])
	}
	writeBody(w, p.Status, typeProblem, p)
}
