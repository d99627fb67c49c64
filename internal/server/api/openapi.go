package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/alma-events/alma"
)

// Results that are no schema of ours.
type (
	eventStream  struct{} // text/event-stream.
	openDocument struct{} // The OpenAPI document.
	metricsText  struct{} // The text format of Prometheus.
)

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
)

// getDocument answers with the description of the API that is served.
func (s *Server) getDocument(c *call) error {
	b, err := s.document()
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, json.RawMessage(b))
}

// describe makes the OpenAPI 3.1 document from the table of operations.
func (s *Server) describe() ([]byte, error) {
	d := describer{schemas: huma.NewMapRegistry(schemaPath, schemaName)}
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Alma", Version: s.version,
			Description: "Durable events and webhooks. Times are RFC 3339 in UTC, durations are seconds. Errors are RFC 9457 problems that name every fault at once. " +
				"A path that is not described here is answered with 404 (NoSuchPath), a method that its path does not have with 405 (NoSuchMethod).",
		},
		Components: &huma.Components{
			Schemas:         d.schemas,
			Responses:       map[string]*huma.Response{"NoSuchPath": d.failure(http.StatusNotFound), "NoSuchMethod": d.noSuchMethod()},
			SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "An API key."}},
		},
	}
	for i := range s.operations {
		doc.AddOperation(d.operation(&s.operations[i]))
	}
	if s.inbound != nil {
		for _, op := range d.inboundOperations() {
			doc.AddOperation(op)
		}
	}
	d.closeInputs(doc)
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("alma: describe the api: %w", err)
	}
	return b, nil
}

type describer struct{ schemas huma.Registry }

func (d describer) operation(op *operation) *huma.Operation {
	out := &huma.Operation{
		OperationID: operationID(op), Method: op.method, Path: op.path, Summary: op.summary,
		Description: roleText(op), Tags: []string{group(op.path)}, Parameters: parameters(op),
		RequestBody: d.requestBody(op),
		Responses:   map[string]*huma.Response{strconv.Itoa(op.status): d.success(op)},
	}
	if op.roles != nil {
		out.Security = []map[string][]string{{"key": {}}}
	}
	for _, status := range failures(op) {
		out.Responses[strconv.Itoa(status)] = d.failure(status)
	}
	return out
}

func (d describer) success(op *operation) *huma.Response {
	r := &huma.Response{Description: http.StatusText(op.status)}
	switch op.result {
	case nil:
	case typeOf[eventStream]():
		r.Content = map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: "string"}}}
	case typeOf[metricsText]():
		r.Content = map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: "string"}}}
	case typeOf[openDocument]():
		r.Content = map[string]*huma.MediaType{mediaJSON: {Schema: &huma.Schema{Type: "object"}}}
	default:
		r.Content = map[string]*huma.MediaType{mediaJSON: {Schema: d.schemas.Schema(op.result, true, op.result.Name())}}
	}
	if op.lines {
		r.Content[mediaLines] = &huma.MediaType{Schema: &huma.Schema{
			Type:        "string",
			Description: "For who accepts it: a line of JSON now and then, with the counts so far in progress; the last line has the status and the body that the answer would have had.",
		}}
	}
	return r
}

func parameters(op *operation) []*huma.Param {
	var params []*huma.Param
	if strings.Contains(op.path, "{id}") {
		params = append(params, &huma.Param{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
	}
	for _, p := range op.params {
		schema := &huma.Schema{Type: p.kind}
		if p.kind == "date-time" {
			schema = &huma.Schema{Type: "string", Format: p.kind}
		}
		params = append(params, &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: schema})
	}
	if op.versioned {
		params = append(params, &huma.Param{Name: "If-Match", In: "header", Description: `The version that must be stored, such as "3"; * for any.`, Schema: &huma.Schema{Type: "string"}})
	}
	if op.repeatable() {
		params = append(params, &huma.Param{Name: headerIdempotency, In: "header", Description: "Makes the call once within 24 hours, however often it is repeated: repeats get the same answer, with Idempotency-Replayed: true. Such as a UUID.", Schema: &huma.Schema{Type: "string"}})
	}
	if op.result == typeOf[eventStream]() {
		params = append(params, &huma.Param{Name: headerLastID, In: "header", Description: "Go on behind this id.", Schema: &huma.Schema{Type: "string"}})
	}
	return params
}

// failures lists the error answers that an operation can give.
func failures(op *operation) []int {
	list := []int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if op.roles != nil {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if op.body != nil {
		list = append(list, http.StatusUnsupportedMediaType)
	}
	if op.body != nil || op.repeatable() { // What is repeated is compared, body and all.
		list = append(list, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	}
	if strings.Contains(op.path, "{id}") {
		list = append(list, http.StatusNotFound)
	}
	if op.versioned {
		list = append(list, http.StatusPreconditionFailed)
	}
	if op.method != http.MethodGet {
		list = append(list, http.StatusConflict, http.StatusInsufficientStorage)
	}
	return list
}

func roleText(op *operation) string {
	if op.roles == nil {
		return "Needs no key."
	}
	return "For keys of the role " + roleNames(op.roles) + "."
}

// group is the second part of a path under /v1.
func group(path string) string {
	parts := strings.Split(path, "/")
	if parts[1] == "v1" {
		return parts[2]
	}
	return "server"
}

var wordBreak = regexp.MustCompile(`[^a-z0-9]+`)

func operationID(op *operation) string {
	words := wordBreak.ReplaceAllString(strings.TrimPrefix(op.path, "/v1"), "-")
	return strings.ToLower(op.method) + strings.TrimSuffix(words, "-")
}

// schemaName names a type in the document: our own words for those that the
// language spells otherwise.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case typeOf[list[alma.Event]]():
		return "EventList"
	case typeOf[list[alma.Memory]]():
		return "MemoryList"
	case typeOf[list[webhookView]]():
		return "WebhookList"
	case typeOf[list[DeliveryView]]():
		return "DeliveryList"
	case typeOf[list[replayView]]():
		return "ReplayList"
	case typeOf[list[sourceView]]():
		return "SourceList"
	case typeOf[list[alma.AuditEntry]]():
		return "AuditList"
	case typeOf[list[alma.Key]]():
		return "KeyList"
	}
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "View")
}
