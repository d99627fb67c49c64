package sqlite

// Statements of backups.
const (
	// A copy of one moment. It is a reader: in WAL mode the writer goes on.
	sqlCopyInto = `VACUUM INTO ?`

	// Bytes that the copy will have, about.
	sqlUsedBytes = `SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`

	sqlIntegrity = `PRAGMA integrity_check(20)`

	sqlCopyContents = `SELECT (SELECT count(*) FROM alma_events), coalesce((SELECT appended_at FROM alma_events ORDER BY seq DESC LIMIT 1), 0),
		(SELECT count(*) FROM alma_webhooks WHERE deleted_at IS NULL), (SELECT count(*) FROM alma_exceptions WHERE status = 'PENDING')`
	sqlCopySealed = `SELECT count(*) FROM alma_secret_keys`

	sqlSkipPositions  = `UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'alma_events'`
	sqlBeginPositions = `INSERT INTO sqlite_sequence (name, seq) VALUES ('alma_events', ?)`
)
