package wire

import (
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

// Prefixes of type names in the formats standard and cloudevents.
const (
	memoryPrefix  = "memory."
	libraryPrefix = "library."
)

// typeName returns what an event type is called in the formats standard and
// cloudevents: "memory.created", "library.loan_created", and for types of the
// host program the type in lower case.
func typeName(t alma.EventType) string {
	name := strings.ToLower(string(t))
	switch {
	case slices.Contains(alma.MemoryEventTypes(), t):
		return memoryPrefix + name
	case libraryCode(t):
		return libraryPrefix + name
	default:
		return name
	}
}

// eventTypeOf is the reverse of typeName. Names that typeName does not write,
// such as those of foreign senders, come out in capitals, with "_" for other
// characters: "com.example.order-paid" is COM_EXAMPLE_ORDER_PAID.
func eventTypeOf(name string) alma.EventType {
	for _, prefix := range [...]string{memoryPrefix, libraryPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if t := alma.EventType(strings.ToUpper(rest)); typeName(t) == name {
				return t
			}
		}
	}
	upper := strings.Map(capital, name)
	if upper == "" || upper[0] < 'A' || upper[0] > 'Z' {
		upper = "TYPE_" + upper
	}
	return alma.EventType(upper[:min(len(upper), alma.MaxNameBytes)])
}

func capital(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	default:
		return '_'
	}
}
