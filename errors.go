package alma

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinels that callers branch on. Errors of this module wrap one of them
// where one fits.
var (
	// ErrNotFound says that the named thing does not exist (HTTP 404).
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a version or state did not match (HTTP 409 or 412).
	ErrConflict = errors.New("conflict")
	// ErrLowDisk says that an append was refused because less than the
	// reserve of disk space is free (HTTP 507). Deliveries go on.
	ErrLowDisk = errors.New("low disk space")
	// ErrUnavailable says that the store cannot be reached now; the call may
	// be repeated (HTTP 503).
	ErrUnavailable = errors.New("store unavailable")
	// ErrFenced says that a node's session has ended, because its lease ran
	// out and others took its lanes over. What it asked for was not done.
	ErrFenced = errors.New("the node's lease was taken over")
	// ErrLastAdminKey says that a key was not taken away because nobody could
	// make keys any more without it (HTTP 409): it is the only one of the role
	// admin that is bound to no project.
	ErrLastAdminKey = errors.New("the last admin key without a project")
	// ErrClosed says that the emitter, manager or store was shut down.
	ErrClosed = errors.New("closed")
)

// Fault is one thing wrong with an input: where, and what to do about it.
type Fault struct {
	// Field is the input's path in JSON terms, such as "retry_count",
	// "headers.X-Token" or "events[2]".
	Field string `json:"location"`
	// Message says what was wrong, what was expected, and how to mend it. It
	// never repeats a secret.
	Message string `json:"message"`
}

// ValidationError holds every fault of an input, in the input's order.
type ValidationError struct {
	Faults []Fault
}

// Error lists all faults on one line.
func (e *ValidationError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.Field + ": " + f.Message
	}
	return "alma: invalid input: " + strings.Join(parts, "; ")
}

// Faults gathers what is wrong with an input. Its zero value is ready to use.
type Faults struct {
	list []Fault
}

// Addf notes a fault of a field.
func (f *Faults) Addf(field, format string, args ...any) {
	f.list = append(f.list, Fault{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Merge takes over the faults of err, their fields prefixed ("[3]" + "." +
// "event_type"). An err that is no [ValidationError] becomes one fault.
func (f *Faults) Merge(prefix string, err error) {
	var ve *ValidationError
	switch {
	case err == nil:
	case errors.As(err, &ve):
		for _, fault := range ve.Faults {
			f.list = append(f.list, Fault{Field: joinField(prefix, fault.Field), Message: fault.Message})
		}
	default:
		f.list = append(f.list, Fault{Field: prefix, Message: err.Error()})
	}
}

// Err returns nil when no fault was noted, else a [*ValidationError].
func (f *Faults) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &ValidationError{Faults: f.list}
}

func joinField(prefix, field string) string {
	if prefix == "" || field == "" {
		return prefix + field
	}
	return prefix + "." + field
}
