// Package api serves Alma over REST: events, memories, webhooks, deliveries
// and keys under /v1, probes, and a description of itself at /openapi.json.
//
// [New] returns a [Server], an http.Handler over the packages webhook and
// memory. Every call is one row of the table in operations.go: the routes, the
// authorization, the query parameters that are taken and the OpenAPI document
// all follow from it. The handlers are plain net/http and not built on an
// OpenAPI framework, because the order of refusals below is part of the
// contract, because no answer may repeat a value of the request, and because
// POST /v1/events is the hot path. Only the model of the OpenAPI document and
// the reflection of schemas are taken from huma.
//
// # The order of refusals
//
// A request is refused by the first of these that applies; nothing later has
// been looked at then:
//
//   - 404, 405: no such path, or not with this method,
//   - 401: no key, or an unknown one,
//   - 403: the key's role may not make this call, or its project is not the
//     one that the query names,
//   - 422: unknown or malformed query parameters,
//   - 415: the body is not JSON (or, with a format, what that format has
//     besides: the XML of exlibris, a CloudEvent in headers), or compressed,
//   - 413: the body is larger than the call takes,
//   - 400: the body broke off before it had arrived,
//   - 422: the body is not JSON text at all (malformed, not UTF-8, or empty),
//     or nested too deep for any parser,
//   - 403: the body names a project that is not the key's,
//   - 404: what the path names does not exist,
//   - 412: If-Match names another version than the stored one,
//   - 422: faults of the content, all at once,
//   - 409: the state does not allow it.
//
// Then the store may still answer 503 (with Retry-After) or 507.
//
// # Patches
//
// What was read may be changed in some members and sent back as a whole: a
// PATCH takes the members, too, that only answers have. Those that change by
// themselves (lag, health, updated_at, …) are passed over. Those that are fixed
// (id, state, signed; of a memory all but data) must say what is stored, or are
// faults. version counts as If-Match does. A header value that comes back
// masked stays as it is. In a POST, members that only answers have are faults.
//
// # Roles
//
// admin may do everything. ingest may append events, save and change memories,
// and retrieve them. read may make every GET call, and retrieve memories: the
// ACCESSED event that follows is the record of the reading, not a change.
//
// # Keys of a project
//
// A key with a project sees and touches that project alone. A request that
// names another one, in the query or in the body, is refused with 403; one
// that names none means the key's. What a path names by id and lies in another
// project is not there: 404, exactly as for an id that nobody has. Webhooks
// made with such a key are owned by its project; webhooks without an owner, and
// the deliveries to them, belong to no project and are not shown. The same holds
// for sources.
package api
