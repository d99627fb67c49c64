package api

import (
	"cmp"
	"net/http"
	"reflect"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/memory"
)

// operation is one call of the API: how it is reached, who may make it, what
// it takes and gives, and what answers it.
type operation struct {
	method, path string
	summary      string
	roles        []alma.Role // Nil: no key is needed.
	params       []param
	body         reflect.Type // Nil: none is read.
	status       int
	result       reflect.Type // Nil: no content.
	endless      bool         // The answer ends when the client goes.
	versioned    bool         // Answers carry an ETag, and If-Match is honoured.
	told         bool         // The audit log is told of it, although others than admins may make it.
	lines        bool         // Who accepts lines of JSON is told of the progress.
	asks         bool         // A question, although it is a POST: there is nothing that a repeat could make twice.
	bodyCap      int64        // Bytes; maxBody if it does not say so.
	handle       func(*call) error
}

var (
	anyRole  = []alma.Role{alma.RoleAdmin, alma.RoleIngest, alma.RoleRead}
	ingests  = []alma.Role{alma.RoleAdmin, alma.RoleIngest}
	reads    = []alma.Role{alma.RoleAdmin, alma.RoleRead}
	onlyRoot = []alma.Role{alma.RoleAdmin}
)

// table lists every call, in the order in which it is documented.
func (s *Server) table() []operation {
	var all []operation
	for _, group := range [][]operation{
		s.eventCalls(), s.memoryCalls(), s.webhookCalls(), s.deliveryCalls(), s.replayCalls(), s.keyCalls(), s.sourceCalls(),
		s.auditCalls(), s.declareCalls(), s.sessionCalls(), s.serverCalls(),
	} {
		all = append(all, group...)
	}
	return all
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// repeatable reports whether an Idempotency-Key is honoured.
func (o *operation) repeatable() bool { return o.method == http.MethodPost && !o.asks }

// mostBody is how many bytes a body may have.
func (o *operation) mostBody() int64 { return cmp.Or(o.bodyCap, maxBody) }

func (s *Server) eventCalls() []operation {
	filters := []param{paramEventType, paramMemoryType, paramMemoryID, paramAgent, paramProject}
	return []operation{
		{
			method: http.MethodPost, path: "/v1/events", roles: ingests, params: []param{paramFormat}, bodyCap: maxBatch,
			summary: "Append one event, or an array of at most 1,000; answers after the commit.",
			body:    typeOf[eventInput](), status: http.StatusAccepted, result: typeOf[acceptance](), handle: s.postEvents,
		},
		{
			method: http.MethodGet, path: "/v1/events", roles: reads,
			params:  append(filters[:len(filters):len(filters)], paramSince, paramUntil, paramLimit, paramAfter),
			summary: "List events, the newest first.",
			status:  http.StatusOK, result: typeOf[list[alma.Event]](), handle: s.listEvents,
		},
		{
			method: http.MethodGet, path: "/v1/events/stream", roles: reads, params: append(filters[:len(filters):len(filters)], paramFrom),
			summary: "Follow the log by server-sent events; goes on exactly behind Last-Event-ID.", endless: true,
			status: http.StatusOK, result: typeOf[eventStream](), handle: s.streamEvents,
		},
		{
			method: http.MethodGet, path: "/v1/events/{id}", roles: reads,
			summary: "One event, with its delivery to each webhook.",
			status:  http.StatusOK, result: typeOf[eventDetail](), handle: s.getEvent,
		},
	}
}

func (s *Server) memoryCalls() []operation {
	return []operation{
		{
			method: http.MethodPost, path: "/v1/memories", roles: ingests,
			summary: "Save a memory; saving under an id that exists updates that memory, and says so.",
			body:    typeOf[memoryInput](), status: http.StatusCreated, result: typeOf[savedMemory](), handle: s.postMemory,
		},
		{
			method: http.MethodGet, path: "/v1/memories", roles: reads,
			params:  []param{paramMemoryType, paramAgent, paramProject, paramLimit, paramAfter},
			summary: "List memories, the newest first.",
			status:  http.StatusOK, result: typeOf[list[alma.Memory]](), handle: s.listMemories,
		},
		{
			method: http.MethodPost, path: "/v1/memories/retrieve", roles: anyRole, asks: true,
			summary: "Find the memories that fit a query best; emits ACCESSED.",
			body:    typeOf[retrieveInput](), status: http.StatusOK, result: typeOf[retrieval](), handle: s.retrieveMemories,
		},
		{
			method: http.MethodPost, path: "/v1/memories/consolidate", roles: onlyRoot,
			summary: "Merge similar memories; emits CONSOLIDATED for each group.",
			body:    typeOf[consolidateInput](), status: http.StatusOK, result: typeOf[memory.Report](), handle: s.consolidateMemories,
		},
		{
			method: http.MethodPost, path: "/v1/memories/import", roles: onlyRoot, bodyCap: maxBatch,
			summary: "Store memories of another system, ids and times kept; what is known is left alone. Emits nothing unless asked to.",
			body:    typeOf[importInput](), status: http.StatusOK, result: typeOf[importResult](), handle: s.importMemories,
		},
		{
			method: http.MethodGet, path: "/v1/memories/{id}", roles: reads, versioned: true,
			summary: "One memory.",
			status:  http.StatusOK, result: typeOf[alma.Memory](), handle: s.getMemory,
		},
		{
			method: http.MethodPatch, path: "/v1/memories/{id}", roles: ingests, versioned: true,
			summary: "Merge a patch into a memory's data (RFC 7396). A whole memory may be sent back: version counts as If-Match.",
			body:    typeOf[memoryPatch](), status: http.StatusOK, result: typeOf[alma.Memory](), handle: s.patchMemory,
		},
		{
			method: http.MethodDelete, path: "/v1/memories/{id}", roles: onlyRoot, versioned: true,
			summary: "Delete a memory.",
			status:  http.StatusNoContent, handle: s.deleteMemory,
		},
	}
}

func (s *Server) webhookCalls() []operation {
	const one = "/v1/webhooks/{id}"
	view := typeOf[webhookView]()
	return []operation{
		{
			method: http.MethodPost, path: "/v1/webhooks", roles: onlyRoot,
			summary: "Register a webhook. Its secret, given or generated, is shown in this answer.",
			body:    typeOf[Settings](), status: http.StatusCreated, result: view, handle: s.postWebhook,
		},
		{
			method: http.MethodGet, path: "/v1/webhooks", roles: reads, params: []param{paramProject, paramLimit, paramAfter},
			summary: "List webhooks, the oldest first.",
			status:  http.StatusOK, result: typeOf[list[webhookView]](), handle: s.listWebhooks,
		},
		{method: http.MethodGet, path: one, roles: reads, versioned: true, summary: "One webhook.", status: http.StatusOK, result: view, handle: s.getWebhook},
		{
			method: http.MethodPatch, path: one, roles: onlyRoot, versioned: true,
			summary: "Merge a patch into a webhook's settings (RFC 7396). A whole webhook may be sent back: version counts as If-Match, what only answers have is passed over.",
			body:    typeOf[Settings](), status: http.StatusOK, result: view, handle: s.patchWebhook,
		},
		{
			method: http.MethodDelete, path: one, roles: onlyRoot, versioned: true,
			summary: "Remove a webhook; its pending deliveries fail.", status: http.StatusNoContent, handle: s.deleteWebhook,
		},
		{method: http.MethodPost, path: one + "/activate", roles: onlyRoot, versioned: true, summary: "Repeat the format's handshake, if it has one, and become active.", status: http.StatusOK, result: view, handle: s.activateWebhook},
		{method: http.MethodPost, path: one + "/pause", roles: onlyRoot, versioned: true, summary: "Stop new attempts; events wait.", status: http.StatusOK, result: view, handle: s.pauseWebhook},
		{method: http.MethodPost, path: one + "/resume", roles: onlyRoot, versioned: true, summary: "Go on from where it stopped.", status: http.StatusOK, result: view, handle: s.resumeWebhook},
		{method: http.MethodPost, path: one + "/test", roles: onlyRoot, versioned: true, summary: "Send a synthetic event and answer with the attempt.", status: http.StatusOK, result: typeOf[attemptView](), handle: s.testWebhook},
		{method: http.MethodPost, path: one + "/rotate-secret", roles: onlyRoot, versioned: true, summary: "Replace the secret, at once or with an overlap; the new one is shown in this answer.", body: typeOf[rotation](), status: http.StatusOK, result: view, handle: s.rotateSecret},
	}
}

func (s *Server) deliveryCalls() []operation {
	return []operation{
		{
			method: http.MethodGet, path: "/v1/deliveries", roles: reads,
			params:  []param{paramWebhookID, paramEventID, paramStatus, paramReason, paramProject, paramSince, paramUntil, paramLimit, paramAfter},
			summary: "List deliveries, those of the newest event first.",
			status:  http.StatusOK, result: typeOf[list[DeliveryView]](), handle: s.listDeliveries,
		},
		{
			method: http.MethodGet, path: "/v1/deliveries/failed", roles: reads,
			params:  []param{paramWebhookID, paramReason, paramProject, paramSince, paramUntil, paramLimit, paramAfter},
			summary: "Count failed deliveries by webhook and reason, the webhooks that were made last first. A page may be short, and still name a next one.",
			status:  http.StatusOK, result: typeOf[list[failedGroupView]](), handle: s.listFailed,
		},
		{method: http.MethodGet, path: "/v1/deliveries/{id}", roles: reads, summary: "One delivery, with its attempts.", status: http.StatusOK, result: typeOf[deliveryLog](), handle: s.getDelivery},
		{method: http.MethodPost, path: "/v1/deliveries/{id}/retry", roles: onlyRoot, summary: "Make a new attempt now.", status: http.StatusAccepted, result: typeOf[DeliveryView](), handle: s.retryDelivery},
	}
}

func (s *Server) replayCalls() []operation {
	const one = "/v1/replays/{id}"
	view := typeOf[replayView]()
	return []operation{
		{
			method: http.MethodPost, path: "/v1/webhooks/{id}/replay", roles: onlyRoot, versioned: true,
			summary: "Send a webhook again what the log holds, as a job that is followed at /v1/replays/{id}.",
			body:    typeOf[replayInput](), status: http.StatusAccepted, result: view, handle: s.postReplay,
		},
		{
			method: http.MethodGet, path: "/v1/replays", roles: reads, params: []param{paramReplayed, paramState, paramLimit, paramAfter},
			summary: "List replays, the newest first.",
			status:  http.StatusOK, result: typeOf[list[replayView]](), handle: s.listReplays,
		},
		{method: http.MethodGet, path: one, roles: reads, summary: "One replay.", status: http.StatusOK, result: view, handle: s.getReplay},
		{method: http.MethodPost, path: one + "/pause", roles: onlyRoot, summary: "Stop a replay where it is.", status: http.StatusOK, result: view, handle: s.pauseReplay},
		{method: http.MethodPost, path: one + "/resume", roles: onlyRoot, summary: "Go on with a paused replay.", status: http.StatusOK, result: view, handle: s.resumeReplay},
		{method: http.MethodPost, path: one + "/cancel", roles: onlyRoot, summary: "End a replay for good; retries that wait go on.", status: http.StatusOK, result: view, handle: s.cancelReplay},
		{
			method: http.MethodPost, path: "/v1/deliveries/retry", roles: onlyRoot,
			summary: "Try failed deliveries again, all that a filter selects: by one replay for each webhook.",
			body:    typeOf[retryInput](), status: http.StatusAccepted, result: typeOf[retried](), handle: s.retryFailed,
		},
		{
			method: http.MethodPost, path: "/v1/purge", roles: onlyRoot, lines: true,
			summary: "Erase personal data: of events, memories and what was delivered. Ids, types, times and outcomes stay.",
			body:    typeOf[purgeInput](), status: http.StatusOK, result: typeOf[purgeResult](), handle: s.postPurge,
		},
	}
}

func (s *Server) keyCalls() []operation {
	return []operation{
		{
			method: http.MethodPost, path: "/v1/keys", roles: onlyRoot, summary: "Make an API key, shown in this answer only.",
			body: typeOf[keyInput](), status: http.StatusCreated, result: typeOf[newKeyView](), handle: s.postKey,
		},
		{
			method: http.MethodGet, path: "/v1/keys", roles: reads, params: []param{paramLimit, paramAfter}, summary: "List API keys, the oldest first.",
			status: http.StatusOK, result: typeOf[list[alma.Key]](), handle: s.listKeys,
		},
		{method: http.MethodDelete, path: "/v1/keys/{id}", roles: onlyRoot, summary: "Remove an API key.", status: http.StatusNoContent, handle: s.deleteKey},
	}
}

func (s *Server) sessionCalls() []operation {
	return []operation{
		{method: http.MethodGet, path: "/v1/session", roles: anyRole, summary: "The key that this request was made with, or the one of its session.", status: http.StatusOK, result: typeOf[alma.Key](), handle: s.getSession},
		{method: http.MethodPost, path: "/v1/sessions/link", roles: anyRole, told: true, summary: "A one-time link that signs in to the dashboard with the rights of this key.", status: http.StatusCreated, result: typeOf[sessionLink](), handle: s.postSessionLink},
	}
}

func (s *Server) serverCalls() []operation {
	calls := []operation{
		{
			method: http.MethodGet, path: "/v1/stats", roles: reads, params: []param{paramRange, paramStatsSince, paramStatsUntil, paramStep},
			summary: "Counts, rates and latencies over time, the backlog, and what needs attention.",
			status:  http.StatusOK, result: typeOf[statsView](), handle: s.getStats,
		},
		{method: http.MethodGet, path: "/healthz", summary: "Whether the process answers.", status: http.StatusOK, result: typeOf[health](), handle: s.getHealth},
		{method: http.MethodGet, path: "/readyz", summary: "Whether events can be taken and delivered.", status: http.StatusOK, result: typeOf[health](), handle: s.getReady},
		{method: http.MethodGet, path: pathKeySet, summary: "The public keys of webhooks that sign with Ed25519, as a JSON Web Key Set.", status: http.StatusOK, result: typeOf[keySet](), handle: s.getKeySet},
		{method: http.MethodGet, path: "/openapi.json", roles: anyRole, summary: "This document.", status: http.StatusOK, result: typeOf[openDocument](), handle: s.getDocument},
	}
	if s.metrics == nil {
		return calls
	}
	return append(calls, operation{
		method: http.MethodGet, path: "/metrics", roles: reads, status: http.StatusOK, result: typeOf[metricsText](), handle: s.getMetrics,
		summary: "What the server does, for Prometheus. A key that is bound to a project may not see it.",
	})
}
