package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

// printer prints deliveries, one at a time.
type printer struct {
	io       stdio
	json     bool
	verified bool

	mu    sync.Mutex
	fresh []alma.Event // Of the delivery at hand.
}

// request handles a delivery and prints what came of it, and of what events.
func (p *printer) request(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, receive.DefaultMaxBody+1))
		if err != nil {
			http.Error(w, "the body broke off", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen := &statusRecorder{ResponseWriter: w}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fresh = nil
		next.ServeHTTP(seen, r)
		if p.json {
			p.body(body)
			return
		}
		p.line(r, body, seen.status)
		for i := range p.fresh {
			p.event(&p.fresh[i])
			p.content(&p.fresh[i], body)
		}
	})
}

// take gets the events of a verified delivery that were not there before.
func (p *printer) take(_ context.Context, events []alma.Event) error {
	p.fresh = events
	return nil
}

// body prints a body on one line.
func (p *printer) body(body []byte) {
	var line bytes.Buffer
	if len(p.fresh) == 0 {
		return
	}
	if json.Compact(&line, body) != nil { // XML, say.
		line.Reset()
		line.WriteString(visible(string(body)))
	}
	fmt.Fprintln(p.io.out, line.String())
}

func (p *printer) line(r *http.Request, body []byte, status int) {
	fmt.Fprintf(p.io.out, "%s %s %d  %s, %d bytes%s\n", time.Now().Format("15:04:05.000"), p.outcome(status), status, named(r), len(body), p.repeat(status))
}

// named says which delivery a request is of, as far as its format tells.
func named(r *http.Request) string {
	if id := r.Header.Get(wire.HeaderWebhookID); id != "" {
		return wire.HeaderWebhookID + " " + visible(id)
	}
	if id := r.Header.Get(wire.HeaderDelivery); id != "" {
		return "attempt " + orDash(visible(r.Header.Get(wire.HeaderAttempt))) + " of " + visible(id)
	}
	return orDash(visible(r.Header.Get("Content-Type")))
}

func (p *printer) outcome(status int) string {
	switch {
	case status >= 300:
		return style(p.io.out, red, "refused")
	case p.verified:
		return style(p.io.out, green, "verified")
	default:
		return style(p.io.out, green, "taken")
	}
}

func (p *printer) repeat(status int) string {
	if status < 300 && len(p.fresh) == 0 {
		return ", a repeat of what was taken before"
	}
	return ""
}

// event prints one event.
func (p *printer) event(e *alma.Event) {
	fmt.Fprintf(p.io.out, "  %s  %s %s  agent %s, project %s\n", style(p.io.out, bold, string(e.Type)), orDash(string(e.MemoryType)), visible(e.MemoryID), orDash(visible(e.Agent)), orDash(visible(e.ProjectID)))
}

// content prints what the event holds: the body, where that is XML, else the
// data.
func (p *printer) content(e *alma.Event, body []byte) {
	if pretty, ok := indentXML(body); ok {
		fmt.Fprintln(p.io.out, style(p.io.out, faint, visibleLines(pretty)))
		return
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, e.Data, "  ", "  "); err == nil && len(e.Data) > 2 {
		fmt.Fprintln(p.io.out, style(p.io.out, faint, visibleLines("  "+pretty.String())))
	}
}

// indentXML returns XML with an element a line; ok is false for what is none.
func indentXML(body []byte) (text string, ok bool) {
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		return "", false
	}
	var pretty bytes.Buffer
	dec, enc := xml.NewDecoder(bytes.NewReader(body)), xml.NewEncoder(&pretty)
	enc.Indent("  ", "  ")
	for {
		token, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			err = enc.Flush()
			return pretty.String(), err == nil
		}
		if _, declaration := token.(xml.ProcInst); declaration && err == nil {
			continue
		}
		if err != nil || enc.EncodeToken(token) != nil {
			return "", false
		}
	}
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (s *statusRecorder) WriteHeader(code int) {
	s.status = code
	s.ResponseWriter.WriteHeader(code)
}
