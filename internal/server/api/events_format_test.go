package api_test

import (
	"net/http"
	"strings"
	"testing"
)

const (
	capturedJSON = `{"id":"7","action":"LOAN","institution":{"value":"01MYLIB","desc":"My library"},"time":"2026-01-28T12:00:00.123Z","event":{"value":"LOAN_CREATED","desc":"Loan created"},"item_loan":{"loan_id":"23"}}`
	capturedXML  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><webhook><id>7</id><action>LOAN</action><institution desc="My library">01MYLIB</institution><time>2026-01-28T12:00:00.123Z</time><event desc="Loan created">LOAN_CREATED</event><item_loan><loan_id>24</loan_id></item_loan></webhook>`
)

// TestPostExlibrisBodies: a captured webhook can be sent again, and again is a
// new event each time.
func TestPostExlibrisBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		r.post("/v1/events?format=exlibris", capturedJSON).want(http.StatusAccepted)
	}
	for _, media := range []string{"application/xml", "text/xml; charset=utf-8"} {
		r.do(r.admin, http.MethodPost, "/v1/events?format=exlibris", capturedXML, "Content-Type", media).want(http.StatusAccepted)
	}
	a := r.get("/v1/events?event_type=LOAN_CREATED&project_id=01MYLIB").want(http.StatusOK)
	if got := strings.Join(a.each("memory_id"), " "); got != "24 24 23 23" {
		t.Errorf("events of %s; want every body to be a new event", got)
	}
}

func TestPostForeignBodiesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, c := range map[string]struct {
		query, media, body string
		header             []string
		status             int
	}{
		"XML as our own JSON":     {"", "application/xml", capturedXML, nil, http.StatusUnsupportedMediaType},
		"XML in a format of JSON": {"?format=alma", "application/xml", capturedXML, nil, http.StatusUnsupportedMediaType},
		"compressed":              {"?format=exlibris", "application/xml", capturedXML, []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"empty XML":               {"?format=exlibris", "application/xml", " ", nil, http.StatusUnprocessableEntity},
		"broken XML":              {"?format=exlibris", "application/xml", capturedXML[:100], nil, http.StatusUnprocessableEntity},
		"no UTF-8":                {"?format=exlibris", "application/xml", "<\xff/>", nil, http.StatusUnprocessableEntity},
		"too large":               {"?format=exlibris", "application/xml", "<a>" + strings.Repeat("x", 1<<20) + "</a>", nil, http.StatusRequestEntityTooLarge},
		"text":                    {"?format=exlibris", "text/plain", capturedXML, nil, http.StatusUnsupportedMediaType},
	} {
		a := r.do(r.admin, http.MethodPost, "/v1/events"+c.query, c.body, append([]string{"Content-Type", c.media}, c.header...)...)
		if a.status != c.status {
			t.Errorf("%s: %d %s; want %d", name, a.status, a.body, c.status)
		}
	}
}

// TestPostOtherFormats: an id that the sender's format has is kept.
func TestPostOtherFormats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const attributes = `"specversion":"1.0","id":"ce-1","source":"/shop","type":"order.paid","subject":"order/17"`
	for name, c := range map[string]struct {
		format, body string
		header       []string
		id           string
	}{
		"standard":            {"standard", `{"type":"order.paid","timestamp":"2026-01-28T12:00:00Z","data":{"id":"17"}}`, []string{"webhook-id", "msg_1"}, "msg_1"},
		"cloudevents":         {"cloudevents", `{` + attributes + `,"data":{}}`, []string{"Content-Type", "application/cloudevents+json"}, ""},
		"cloudevents as JSON": {"cloudevents", `{` + attributes + `,"data":{"n":1}}`, nil, ""},
		"cloudevents, binary": {"cloudevents", `{"n":2}`, []string{"ce-specversion", "1.0", "ce-id", "ce-2", "ce-source", "/shop", "ce-type", "order.paid"}, ""},
		"cloudevents, empty":  {"cloudevents", ``, []string{"ce-specversion", "1.0", "ce-id", "ce-3", "ce-source", "/shop", "ce-type", "order.paid"}, ""},
		"cloudevents, batch":  {"cloudevents", `[{` + attributes + `}]`, []string{"Content-Type", "application/cloudevents-batch+json"}, ""},
	} {
		a := r.do(r.admin, http.MethodPost, "/v1/events?format="+c.format, c.body, c.header...)
		if a.status != http.StatusAccepted || c.id != "" && a.text("event_ids.0") != c.id {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if got := r.get("/v1/events?event_type=ORDER_PAID").want(http.StatusOK).each("event_id"); len(got) != 4 {
		t.Errorf("%d events, want one for each id: %v", len(got), got)
	}
}
