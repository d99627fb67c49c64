// Package events runs callbacks within the process when something happens.
//
// An [Emitter] knows who wants to hear of which events:
//
//	emitter := events.New(events.Config{})
//	id := emitter.Subscribe(alma.Created, func(ctx context.Context, ev *alma.Event) error {
//		fmt.Println("memory created:", ev.MemoryID)
//		return nil
//	})
//	defer emitter.Unsubscribe(id)
//
// Programs that need only one emitter use [Default]; tests begin with [Reset].
//
// # Where events come from
//
// Package memory and the webhook manager call back after an event was
// committed to the log. [Emitter.Emit] is for the program's own events: alone
// it reaches the callbacks of this process; once a webhook manager is started
// on the emitter (see [Emitter.Attach]) the event is appended to the durable
// log first, and delivered to webhooks too.
//
// # How callbacks run
//
// A callback made with [Emitter.Subscribe] or [Emitter.SubscribeAll] runs in
// the goroutine that emits, one after another in the order of subscription,
// before Emit returns. Keep it short. Events that one goroutine emits reach
// each subscriber in that order; events of several goroutines run callbacks
// concurrently, so a callback must be safe for that.
//
// A callback made with [Emitter.SubscribeAsync] or [Emitter.SubscribeAllAsync]
// has a goroutine and a bounded queue of its own and sees one event at a time,
// in the order of the queue. [AsyncOptions] says how long the queue is and
// what happens when it is full: the emitter waits ([Block]), or the event is
// dropped for this subscriber and counted ([Drop]).
//
// The event is shared by all callbacks and must not be changed; clone it
// before changing it. A callback may subscribe, unsubscribe and emit.
//
// # Errors and panics
//
// An error or a panic of one callback reaches neither Emit's caller nor the
// other callbacks. It is logged with the subscription's name (see [Named]),
// a panic with its stack, and counted in [Emitter.Stats].
//
// # Operational events
//
// Events whose type begins with ALMA_ are Alma's own news about itself. They
// reach those who subscribed to the type by name, not those who subscribed to
// all types, and Emit refuses them.
package events
