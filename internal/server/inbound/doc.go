// Package inbound takes events from foreign systems: it answers POST, GET and
// OPTIONS /in/{source}, for which no API key is needed.
//
// A POST goes through these steps; the first that fails answers:
//
//   - 415: the body is compressed, for the signature covers the bytes as sent,
//   - 413: it is larger than Config.MaxBody; 400: it broke off,
//   - 404: there is no such source,
//   - 401: the signature, checked over the raw bytes with the source's format
//     and every secret that is valid now, is missing or wrong. Nothing has
//     looked into the body before,
//   - 422: the body is no event of the format, with all faults,
//   - 507: too little disk space is free; 503 with Retry-After: the store is
//     away,
//   - 200: the events are in the log, or were there before.
//
// The 200 comes after the commit. When the process dies between the two, or
// the answer is lost, the sender calls again, and the repeat is recognised by
// the ids of its events: those that the sender's format has, or else ids
// derived from the source's name and the raw body.
//
// GET and OPTIONS answer the handshakes of senders that ask whether this is
// their listener.
//
// Bodies and secrets are never logged. A refusal is one line at most, and a
// flood of them a line now and then for each source, with how many it was.
package inbound
