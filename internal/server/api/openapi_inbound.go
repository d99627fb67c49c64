package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// inboundOperations describes what Config.Inbound answers: no rows of the table
// of operations, for keys, queries and bodies of this API are no part of it.
func (d describer) inboundOperations() []*huma.Operation {
	source := []*huma.Param{{Name: "source", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}}
	taken := &huma.Response{
		Description: "The events are in the log.",
		Content:     map[string]*huma.MediaType{mediaJSON: {Schema: d.schemas.Schema(typeOf[acceptance](), true, "Acceptance")}},
	}
	post := &huma.Operation{
		OperationID: "post-in", Method: http.MethodPost, Path: "/in/{source}", Tags: []string{"inbound"}, Parameters: source,
		Summary:     "Take the events of a foreign system, in the format of its source; answers after the commit.",
		Description: "Needs no key: the body is signed as the source's format has it.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{mediaJSON: {}, "application/xml": {}}},
		Responses:   map[string]*huma.Response{"200": taken},
	}
	for _, status := range []int{400, 401, 404, 413, 415, 422, 500, 503, 507} {
		post.Responses[strconv.Itoa(status)] = d.failure(status)
	}
	ask := func(method, id, summary string, params ...*huma.Param) *huma.Operation {
		op := &huma.Operation{
			OperationID: id, Method: method, Path: "/in/{source}", Tags: []string{"inbound"}, Summary: summary,
			Description: "Needs no key. 405 where the source's format asks no such question.",
			Parameters:  append(source[:1:1], params...),
			Responses:   map[string]*huma.Response{"200": {Description: "As the format has it.", Content: map[string]*huma.MediaType{mediaJSON: {}, "text/plain": {}}}},
		}
		for _, status := range []int{404, 405, 500, 503} {
			op.Responses[strconv.Itoa(status)] = d.failure(status)
		}
		return op
	}
	get := ask(http.MethodGet, "get-in", "Answer the challenge of a foreign system.",
		&huma.Param{Name: "challenge", In: "query", Schema: &huma.Schema{Type: "string"}})
	options := ask(http.MethodOptions, "options-in", "Answer a foreign system that asks whether it may send (CloudEvents).",
		&huma.Param{Name: "WebHook-Request-Origin", In: "header", Schema: &huma.Schema{Type: "string"}})
	return []*huma.Operation{post, get, options}
}

// noSuchMethod describes the answer to a method that a path does not have.
func (d describer) noSuchMethod() *huma.Response {
	r := d.failure(http.StatusMethodNotAllowed)
	r.Headers = map[string]*huma.Param{"Allow": {Description: "Those that the path has.", Schema: &huma.Schema{Type: "string"}}}
	return r
}

// failure describes an error answer.
func (d describer) failure(status int) *huma.Response {
	return &huma.Response{
		Description: http.StatusText(status),
		Content:     map[string]*huma.MediaType{mediaProblem: {Schema: d.schemas.Schema(typeOf[problem](), true, "Problem")}},
	}
}
