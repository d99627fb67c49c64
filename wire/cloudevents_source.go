package wire

import (
	"net/url"
	"strings"

	"github.com/alma-events/alma"
)

// sourcePrefix begins the sources of Alma's own events: behind it stand
// project and agent, each escaped and maybe empty. There are always three
// parts, so that nothing is ambiguous.
const sourcePrefix = "/alma/"

// sourceOf returns the URI reference that names the source of an event.
func sourceOf(e *alma.Event) string {
	return sourcePrefix + escapeSegment(e.ProjectID) + "/" + escapeSegment(e.Agent)
}

// escapeSegment leaves nothing but what no reader of a URI may change: the
// unreserved characters (RFC 3986, section 2.3), and no dot segments.
func escapeSegment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	escaped := make([]byte, 0, len(s))
	for i := range len(s) {
		if isUnreserved(s[i]) {
			escaped = append(escaped, s[i])
		} else {
			escaped = appendPercent(escaped, s[i])
		}
	}
	return string(escaped)
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func appendPercent(b []byte, c byte) []byte {
	const upperHex = "0123456789ABCDEF"
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// subjectOf returns what an event is about: "{memory_type}/{memory_id}".
func subjectOf(e *alma.Event) string { return string(e.MemoryType) + "/" + e.MemoryID }

// parseSource is the reverse of sourceOf; ok is false for what sourceOf would
// not write.
func parseSource(source string) (project, agent string, ok bool) {
	rest, ours := strings.CutPrefix(source, sourcePrefix)
	first, second, two := strings.Cut(rest, "/")
	project, err1 := url.PathUnescape(first)
	agent, err2 := url.PathUnescape(second)
	if !ours || !two || err1 != nil || err2 != nil || sourceOf(&alma.Event{ProjectID: project, Agent: agent}) != source {
		return "", "", false
	}
	probe := alma.Event{Type: alma.Created, MemoryID: "1", ProjectID: project, Agent: agent}
	return project, agent, validate(&probe) == nil
}

// readOurs takes source and subject apart, where both have the form that Alma
// writes; it reports whether they have.
func readOurs(e *alma.Event, source, subject string) bool {
	project, agent, ok := parseSource(source)
	kind, id, cut := strings.Cut(subject, "/")
	own := alma.Event{Type: alma.Created, MemoryID: id, MemoryType: alma.MemoryType(kind)}
	if !ok || !cut || validate(&own) != nil {
		return false
	}
	e.MemoryID, e.MemoryType, e.ProjectID, e.Agent = own.MemoryID, own.MemoryType, project, agent
	return true
}
