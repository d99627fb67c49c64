// Package postgres keeps everything Alma knows in a PostgreSQL database (14 or
// newer), which many processes may use at once. It is a storage driver (see
// [alma.Storage]) and lets nodes share the lanes (see [alma.NodeStore]).
//
//	store, err := postgres.Open(ctx, "postgres://alma:secret@db.example.com/alma", postgres.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// # The database
//
// It must exist, be encoded in UTF8, and take writes. The user owns its tables,
// so it needs the right to create some in the first schema of its search path:
//
//	CREATE ROLE alma LOGIN PASSWORD '…';
//	CREATE DATABASE alma OWNER alma ENCODING 'UTF8' TEMPLATE template0;
//
// The tables begin with "alma_", and may stand beside those of a host program.
// A schema of their own is named in the URL: "?search_path=alma". Open brings
// them up to date; nodes that start at once do it one after the other. It
// refuses what it cannot use with one clear message, which never holds the
// password.
//
// Connections are direct or through a pooler by session. A pooler by
// transaction takes notices and prepared statements away.
//
// # Durability
//
// A change is as durable when its call returns as the server makes it: on the
// disk, unless synchronous_commit is off. When a call returns an error, nothing
// of it is stored, except where the connection was lost on the way, or did not
// answer within [Options].Timeout (for appends AppendTimeout): then it is
// [alma.ErrUnavailable] and either may be true. Repeating it is safe: an append
// with the same ids is a duplicate, attempts are counted once, and a settlement
// with an id adds to counts once.
//
// # Group commit
//
// Calls of Append that come while a commit is under way share the next one: a
// single statement, in one round trip. When it fails for a reason that may lie
// in one of them, each tries by itself. A caller whose context ends while it
// waits takes its events back; once they are on their way, the outcome counts.
// A settlement is one round trip as well.
//
// # Positions
//
// Sequence values become visible out of order, so the place of an event is the
// pair (xid of its transaction, number). Readers are given only what lies below
// the horizon: the oldest transaction of this database that is open and has
// written. Whatever commits later then stands behind what they have read.
// Transactions of other databases of the server do not matter.
//
// The price: a write transaction that stays open keeps all events from being
// delivered that were appended since it began to write, by anybody, until it
// ends. [Store.HorizonAge] tells for how long, and the log warns from
// [Options].HorizonWarning on, with the process that holds it. The server's
// idle_in_transaction_session_timeout is a good net. Prepared transactions count
// as well. Listings show what has committed at once.
//
// Transaction ids begin anew in a database that was restored from a dump, and
// go back when a standby takes over that lacks the last transactions. Each new
// connection looks whether that is so, and raises the era then, which stands in
// the upper 16 bits of [alma.Position].Xact: new events come after all places
// that are stored, or that this process has met.
//
// # Times
//
// All are the server's, to the microsecond; an event's own timestamp keeps its
// nanoseconds. The time of an append never goes back within a process, even
// when the clock does. Between transactions that ran at the same time it may
// lie a little beside the order of the log.
//
// # Events in a transaction of the host
//
// [Store.AppendTx] puts events into a transaction of the host program on the
// same database, by pgx; [Store.AppendSQLTx] into one of database/sql, by
// whatever driver:
//
//	tx, err := store.Pool().Begin(ctx)
//	…
//	_, err = tx.Exec(ctx, `INSERT INTO orders …`)
//	_, err = store.AppendTx(ctx, tx, event)
//	err = tx.Commit(ctx)
//
// Nobody tells a store when such a transaction commits, so it looks, every 5 ms
// for a second, while somebody watches.
//
// # Wake-ups
//
// Watchers hear of this process's events at once, and of others' by NOTIFY. A
// transaction that notifies commits alone in the whole server, so appends do
// not: a notice follows them, one for all that came within 5 ms, and only while
// another process listens. Below that everybody who watches looks at the end of
// the log five times a second. The connection that listens is made anew by
// itself when it is lost.
//
// # Days
//
// The log and the attempts are partitioned by day (UTC). Partitions are made
// three days ahead, by whoever is there; the default partition is the net below
// them: for a day that the clock jumped to, or that nobody could make for days.
// Every node looks four times a minute whether one is missing, and what stands
// in the default partition moves when its day is made, unless it is much. Prune
// drops whole days. A day is kept while one of its events is needed;
// attempts that are still needed are copied to a table that takes the place of
// their day, without what was exchanged. Nothing is read or copied while others
// have to wait. The uniqueness
// of event ids is kept in a table of its own, and lasts as long as the event: an
// id that is older than what is kept is that of a new event.
//
// Who makes a day or drops one is alone with its table for a moment, so that what
// arrives meanwhile waits and goes where it belongs. It waits a tenth of a second
// for that and then lets others pass. No append fails for it, in a transaction of
// the host either, unless that one has a lock_timeout of less than a second.
//
// # A new webhook
//
// It gets the events whose transactions had not committed when it was made,
// however their places lie. Its cursor stands before the oldest transaction
// open then, and Settled names what lies behind the cursor but had committed.
//
// # Nodes
//
// Leases are measured by the server's clock alone, and never run out before a
// node had its time to renew them after a restart of the server. A settlement
// holds the row of its node until it commits, so it is stored before its session
// is ended, or refused.
//
// # Searching memories
//
// Words are found by full-text search: without regard to case and diacritics,
// with English endings taken off, none passed over. Scripts that put no spaces
// between words are indexed by character and by pairs of neighbours. Embeddings
// are compared by the extension pgvector when the database has it (CREATE
// EXTENSION vector), else by this process; within one agent and project, where
// no index is needed. See [Store.SearchMemories] for the score.
//
// # Text
//
// PostgreSQL stores no NUL (U+0000) in texts. Where one would matter (ids, names)
// the call fails with a [alma.ValidationError]; in messages of errors it is
// replaced. Data is JSON, which writes it as an escape.
//
// # Secrets
//
// What is secret about webhooks and sources (secrets, header values, private
// keys) stands in columns of its own, in the clear unless [Options].SecretKeys
// says otherwise: then it is sealed with AES-256-GCM, each row for itself, so
// that neither the database nor a backup gives it away, and no row's secret
// serves in another row. PostgreSQL's files, write-ahead log and older backups
// keep what was stored in the clear before: rotate those secrets.
//
// All nodes need the same keys. To replace one without stopping all nodes at
// once, restart them one after the other
//
//  1. with the former key first and the new one behind it: now every node can
//     read what is sealed under the new one;
//  2. with the new key first and the former one behind it;
//
// then call [Store.Rekey] on one of them, and restart them
//
//  3. with the new key alone.
//
// The database knows which keys it needs: a node that lacks one is refused, and
// a key that somebody still uses is not forgotten.
//
// # Backup
//
// By PostgreSQL's own means: pg_dump, or a copy with its log. Of several
// databases of a host all or none belong to a backup: cursors and events must
// stem from the same moment.
package postgres
