// Package memory keeps what agents learn, and makes an event of every change.
//
// A [Store] works on a storage driver that keeps memories beside the event
// log, so that a change and its event commit in one transaction:
//
//	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
//	…
//	saved, err := store.Save(ctx, alma.Heuristic{
//		Agent:    "qa_tester",
//		Strategy: "Use incremental validation for large forms",
//	})
//
// Callbacks on the emitter run after the commit. When a webhook manager is
// started on the same emitter and storage, the events reach webhooks too, and
// each callback still runs once.
//
// # Events
//
//   - [Store.Save], [Store.SaveBatch], [Store.Put], [Store.PutBatch]: CREATED
//     with the memory's data, or UPDATED when the id existed. A batch is one
//     transaction with an event for each memory.
//   - [Store.Update]: UPDATED with {"old": …, "new": …}, the data before and
//     after.
//   - [Store.Delete]: DELETED with {}; the id is the event's memory_id.
//   - [Store.Retrieve]: one ACCESSED with {"query", "filters", "results"}, the
//     latter a list of {"id", "score"}. Its memory_id names the retrieval.
//   - [Store.Consolidate]: one CONSOLIDATED for each group with {"merged_from",
//     "merged_into", "strategy", "result"}, and no DELETED.
//   - [Store.Get] and [Store.List] emit nothing.
//
// Embeddings never travel in events.
//
// # Versions
//
// A memory has version 1 when created and one more with each change. A caller
// who names the version he expects gets [alma.ErrConflict] when another one is
// stored; for the others the store reads and tries again until its change
// fits. Kind, agent and project of a memory never change: to save something
// else under its id is a conflict.
//
// # Retrieval
//
// Retrieve looks only among the memories of exactly the given project and
// agent. A memory's score, 0 to 1, combines how well its text fits, how
// recently it was changed and how confident it is; see [Ranking] for the
// weights. With an [Embedder], the similarity of meaning is a further part, and
// memories are found that share no word with the query. When the embedder
// fails, saving and retrieving go on without it and a warning is logged.
//
// # Consolidation
//
// Consolidate merges memories of one kind, agent and project. Without an
// embedder two texts (the kinds' main texts, see [alma.MainMember]) are as
// similar as the Sørensen–Dice coefficient of their words and pairs of
// neighbouring words says: 1 for the same, 0 for nothing in common. With an
// embedder it is the cosine of their embeddings. Equal texts, regardless of
// case and white space, always have similarity 1. Either measure goes by what
// texts have in common: it does not know that a "not" reverses a sentence, so
// use a dry run to choose a lower threshold than the default of 0.85.
//
// The most confident memory of a group (then the one with the most
// occurrences, then the newest) is kept under its id, and the others that reach
// the threshold with it are merged into it and deleted: counts are summed, times of last
// use take the latest and times of creation the earliest, data that the kept
// memory lacks is taken from the others. Its metadata gains merged_from, the
// ids that went into it (the latest, as many as fit 128 KiB), merged_count, and
// for outcomes merged_outcomes, how many succeeded and failed.
//
// Ten thousand memories take well under a second with texts; with embeddings
// of 1,536 dimensions some tens of seconds when none are alike.
//
// # Other stores
//
// [EventAware] makes any store with four methods event-aware.
package memory
