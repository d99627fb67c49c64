package wire

import (
	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

// libraryCode reports whether t is an event type of the library platform.
func libraryCode(t alma.EventType) bool {
	_, ok := exlibris.Lookup(t)
	return ok
}
