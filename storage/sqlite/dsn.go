package sqlite

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// source is where a database lives and how its connections are set up.
type source struct {
	name    string // The part of the DSN before "?".
	memory  bool
	sync    Synchronous
	timeout time.Duration
}

// fileSource names a file. The path is escaped, so that a "?" or "#" in it
// stays part of the name.
func fileSource(path string, o Options) source {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // "C:/…" on Windows.
		slashed = "/" + slashed
	}
	return source{name: "file:" + (&url.URL{Path: slashed}).EscapedPath(), sync: o.Synchronous, timeout: o.LockTimeout}
}

var memories atomic.Int64

// memorySource names a new database in SQLite's memdb file system. Unlike
// ":memory:" such a database is shared by all connections of the process that
// name it, and lives until the last one closes.
func memorySource(o Options) source {
	return source{name: fmt.Sprintf("file:/alma-%d", memories.Add(1)), memory: true, sync: SynchronousOff, timeout: o.LockTimeout}
}

// dsn returns the data source name for connections with further pragmas.
func (s source) dsn(pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	if s.memory {
		q.Set("vfs", "memdb")
	}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", s.timeout.Milliseconds()))
	q.Add("_pragma", "secure_delete(fast)")
	q.Add("_pragma", fmt.Sprintf("synchronous(%s)", s.sync))
	q.Add("_pragma", "temp_store(memory)")
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	return s.name + "?" + q.Encode()
}

// writerDSN is for the one connection that writes, with a cache of 16 MiB. A checkpoint costs two
// syncs; 4,000 pages (16 MiB) between them keep that rare.
func (s source) writerDSN() string {
	if s.memory {
		return s.dsn("journal_mode(memory)", "foreign_keys(1)") // The host's too.
	}
	// auto_vacuum counts for a file that is made now, and only before the rest.
	return s.dsn("auto_vacuum(incremental)", "journal_mode(wal)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)")
}

// readerDSN gives each of several connections a cache of 4 MiB: what they read
// again and again is in the system's.
func (s source) readerDSN() string { return s.dsn("cache_size(-4096)", "query_only(1)") }

// hostDSN is for the connections that host programs get.
func (s source) hostDSN() string { return s.dsn("foreign_keys(1)") }
