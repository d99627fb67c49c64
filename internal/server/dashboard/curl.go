package dashboard

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

// curl writes a request like that of a delivery's last attempt as a command.
// Secrets are not known here: masked headers are left out, and the signature
// is one of a time that is over.
func curl(p *deliveryPage) string {
	if p.Event == nil || len(p.Delivery.Log) == 0 {
		return ""
	}
	last := p.Delivery.Log[len(p.Delivery.Log)-1]
	lines := []string{"curl -i -X POST " + quoted(p.Delivery.URL)}
	headers := last.RequestHeaders
	if len(headers) == 0 {
		headers = map[string]string{"Content-Type": "application/json"}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if value := headers[name]; !strings.Contains(value, alma.Masked) && !isSecret(name) {
			lines = append(lines, "-H "+quoted(name+": "+value))
		}
	}
	return strings.Join(append(lines, "--data-binary "+quoted(body(p))), " \\\n  ")
}

// isSecret names headers that do not belong into a command: what identifies
// the sender, and what curl makes itself.
func isSecret(name string) bool {
	switch lower := strings.ToLower(name); lower {
	case "authorization", "cookie", "proxy-authorization", "content-length", "host", "accept-encoding":
		return true
	default:
		return strings.Contains(lower, "signature")
	}
}

// body is the event as format alma sends it; other formats wrap it otherwise.
func body(p *deliveryPage) string {
	ev := p.Event
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // The data go as they are stored.
	err := enc.Encode(struct {
		Type       alma.EventType  `json:"event_type"`
		MemoryID   string          `json:"memory_id"`
		MemoryType alma.MemoryType `json:"memory_type"`
		Agent      string          `json:"agent"`
		ProjectID  string          `json:"project_id"`
		Timestamp  any             `json:"timestamp"`
		Data       json.RawMessage `json:"data"`
		ID         string          `json:"event_id"`
	}{ev.Type, ev.MemoryID, ev.MemoryType, ev.Agent, ev.ProjectID, ev.Timestamp, ev.Data, ev.ID})
	if err != nil {
		return "{}"
	}
	return strings.TrimSpace(b.String())
}

// quoted quotes for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
