// Package storagetest is the conformance suite of storage drivers: what
// [alma.Storage] promises, as tests. A driver's own tests run it:
//
//	func TestConformance(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) alma.Storage {
//			return open(t) // New and empty; closed by t.Cleanup.
//		}, storagetest.Features{})
//	}
//
// Each case gets a storage of its own, and when it fails it prints what the
// case is about and why it matters. The cases know nothing of how a driver
// works: they compare positions by [alma.Position.Compare] alone, expect no
// numbers without gaps, and allow times other than an event's own to be kept
// to the microsecond only.
//
// The files hold one area each: the log, lanes, deliveries, webhooks, keys,
// memories, and what happens when many call at once.
package storagetest
