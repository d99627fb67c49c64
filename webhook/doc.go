// Package webhook delivers events to listeners outside the process: it is the
// engine's public face.
//
// A [Manager] sits on a storage driver. [Manager.Add] registers a webhook,
// [Manager.Start] resumes where deliveries stood, [Manager.Append] stores
// events, and from then on each webhook that wants them gets them, at least
// once, in the order of the log.
//
//	store, err := sqlite.Open(ctx, "alma.db", sqlite.Options{})
//	…
//	manager, err := webhook.New(webhook.Config{Storage: store})
//	…
//	if err := manager.Start(ctx); err != nil { … }
//	defer manager.Shutdown(context.Background())
//	hook, err := manager.Add(ctx, alma.WebhookConfig{URL: "https://example.com/hook"})
//
// # The way of an event
//
// Events are appended once to a log. A webhook is a cursor in it: the tail
// reads the log once, matches each event against all webhooks, and offers it
// to the lane of each that wants it. A lane keeps a window of requests in
// flight, batches, orders, throttles and retries; every request goes through
// one guarded client; outcomes are settled, many in one commit. Rows are
// written for exceptions only: a delivery that succeeds at once moves a cursor
// and leaves one attempt.
//
// # Replay, retention, purge
//
// [Manager.Replay] sends a webhook again what the log holds, as a durable job
// beside live delivery; [Manager.RetryFailed] does so with what failed. A
// started manager removes what is older than [Retention] says and nobody needs;
// [Manager.Purge] erases personal data.
//
// # Guarantees
//
// Deliveries are at-least-once from the moment that the append commits. An
// event's id never changes, so that receivers can drop repeats; after a crash
// what repeats is at most what was in flight. Attempts start in log order;
// with Ordered, strictly one after another. A listener that hangs or fails
// occupies its own lane and no other.
//
// # Telling people
//
// What happens to webhooks is appended as operational events ([BreakerOpened] and
// the like). A webhook whose URL begins with mailto: puts those that it names into
// words, and hands them to [Config].Mail.
//
// # Many nodes
//
// On a storage that many processes may use (one that is an [alma.NodeStore], such
// as storage/postgres) managers share the webhooks: each is served by one of them
// at a time, and when that is lost another one goes on, within seconds. Every
// manager takes events and changes of webhooks, and answers for all of them.
// There is nothing to set up but the storage; see [Config].NodeName and Lease.
package webhook
