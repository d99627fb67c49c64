// Package sqlite keeps everything Alma knows in one SQLite file: the event
// log, webhooks and how far each has come, deliveries, API keys and memories.
// It is a storage driver (see [alma.Storage]) in pure Go, and the default one.
//
//	store, err := sqlite.Open(ctx, "alma.db", sqlite.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// [OpenMemory] opens one without a file, for tests and for programs that need
// none. It works inside a testing/synctest bubble.
//
// # Durability
//
// A change is on the disk when its call returns (synchronous=FULL in WAL mode;
// [Options].Synchronous can trade that away). A killed process loses nothing
// that was acknowledged. When a call returns an error, nothing of it is stored.
//
// # Group commit
//
// One goroutine makes all changes. While it commits one group of calls, the
// next gathers, so that the price of a commit is shared by whoever came
// meanwhile: the busier the store, the larger the groups. A call that fails
// (a conflict, say) takes nothing back from its neighbours. A call whose
// context ends while it waits is withdrawn; once it has begun, its outcome
// counts.
//
// # One process
//
// A file belongs to one Store at a time: "<path>.lock" is locked from Open to
// Close, by a lock that ends with the process however that ends. A second Open
// fails with [alma.ErrConflict] and says so in plain words. The file may hold
// tables of the host program too; Alma's begin with "alma_".
//
// # Events in a transaction of the host
//
// [Store.AppendTx] puts events into a transaction of the host program on the
// same file, so that its own change and the event about it commit together:
//
//	tx, err := store.DB().BeginTx(ctx, nil)
//	…
//	_, err = tx.ExecContext(ctx, `INSERT INTO orders …`)
//	_, err = store.AppendTx(ctx, tx, event)
//	err = tx.Commit()
//
// SQLite has one writer at a time: until that transaction ends, the store's
// own changes wait, at most [Options].LockTimeout. In memory its reads wait
// as well. Nobody tells a store when such a transaction commits, so it looks:
// every 5 ms for a second after AppendTx, then every 250 ms, while somebody
// watches and until it has had the write lock itself.
//
// # Low disk
//
// Below [Options].FreeSpaceReserve of free space, calls that append events
// fail with [alma.ErrLowDisk], and the room that is left goes to the outcomes
// of deliveries. A disk that is full in spite of that gives the same error.
//
// # Secrets
//
// What is secret about webhooks and sources (secrets, header values, private
// keys) stands in columns of its own, in the clear unless [Options].SecretKeys
// says otherwise: then it is sealed with AES-256-GCM, each row for itself, so
// that neither the file nor a backup gives it away, and no row's secret serves
// in another row. Files of at most 256 MiB are written anew after secrets from
// before were sealed; larger ones when the host says VACUUM, and the log warns.
//
// To replace a key, open the file with the new one before the former one, call
// [Store.Rekey], and open it with the new one alone from then on. Each step may
// be repeated, and a process that dies between them leaves a file that opens
// with both.
//
// # Retention and purging
//
// [Store.Prune] removes what is old in transactions of at most about 1,000
// rows, and gives free pages back to the file system (incremental auto_vacuum,
// which files have that this version made; [Stats].UnusedBytes tells what a
// file holds and does not use). [Store.Purge] overwrites what it erases, merges
// the index of words, writes files of at most 256 MiB anew, and empties the
// write-ahead log. What is deleted otherwise is overwritten where that costs no
// further write (secure_delete=FAST).
//
// # Reading
//
// The newest events also stand in memory, so that a reader who keeps up never
// touches SQLite. The events that [Store.Read] returns are shared between its
// callers: treat them as read-only. Likewise do not change the data of events
// after you have appended them.
//
// Listings are made of short reads: no query looks at more than a bounded
// number of rows, so none keeps SQLite from tidying up its write-ahead log.
// Positions count up by one writer, so alma.Position.Xact is always 0; they
// may have gaps. The time of an append never goes back, even when the clock
// does: with it, the log is searched by time without an index.
//
// # Times
//
// An event's timestamp keeps its nanoseconds in any year from 1 to 9999. The
// time of an append has microseconds. All other times have nanoseconds and lie
// between the years 1678 and 2262.
//
// # Searching memories
//
// Words are found by SQLite's FTS5: without regard to case and diacritics,
// with English endings taken off. Scripts that put no spaces between words
// (Chinese, Japanese, Korean, Thai) are indexed by character and searched by
// pairs of neighbours. See [Store.SearchMemories] for the score.
//
// # Schema
//
// The migrations folder holds the schema as steps that only go forward; Open
// applies what is missing. A file that a newer program has changed is refused,
// with both versions named. [Backup] copies a
// file, also while it is open; [Restore] makes a database of the copy. Copying
// the file of an open store by other means is no backup. One of a file with
// sealed secrets needs their key, which is to be kept elsewhere.
package sqlite
