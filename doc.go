// Package alma is the vocabulary of the Alma event system: events, memories,
// webhooks, deliveries, errors, and the contracts that storage drivers fulfil.
//
// Everything else in this module speaks in these words:
//
//   - An [Event] says that something changed. Events are appended once to a
//     durable log and never change afterwards.
//   - A [Memory] is something an agent learned: a [Heuristic], [Outcome],
//     [Preference], [DomainKnowledge] or [AntiPattern].
//   - A [Webhook] is a listener outside the process. It is a cursor in the log
//     plus settings ([WebhookConfig]).
//   - A [Delivery] is one event on its way to one webhook; an [Attempt] is one
//     HTTP exchange made for it.
//
// The package depends on the standard library alone and imports nothing of
// this module. Programs usually start in one of these packages:
//
//   - memory: the event-aware memory store,
//   - events: callbacks within the process,
//   - webhook: durable delivery to listeners outside the process,
//   - receive: the listening side.
package alma
