package sqlite

// Statements that erase.
const (
	// Events after ?1, up to ?2, that are not erased yet; ?3 agent, ?4 project,
	// ?5 memory id, ?6 limit.
	purgeFilters    = ` AND erased = 0 AND (?3 = '' OR agent = ?3) AND (?4 = '' OR project_id = ?4) AND (?5 = '' OR memory_id = ?5) ORDER BY seq LIMIT ?6`
	sqlPurgeSeqs    = `SELECT seq FROM alma_events WHERE seq > ?1 AND seq <= ?2` + purgeFilters
	sqlPurgeSeqsOf  = `SELECT seq FROM alma_events WHERE memory_id = ?5 AND +seq > ?1 AND +seq <= ?2` + purgeFilters
	sqlEraseEvents  = `UPDATE alma_events SET data = '{}', envelope = NULL, agent = '', trace = NULL, erased = 1 WHERE erased = 0 AND seq IN (SELECT value FROM json_each(?1))`
	sqlCountErasing = `SELECT count(*) FROM alma_attempts INDEXED BY alma_attempts_seq WHERE seq IN (SELECT value FROM json_each(?1)) AND (detail IS NOT NULL OR error IS NOT NULL)`

	// What was exchanged for a batch stands with its first member's attempt.
	sqlEraseBatchDetails = `UPDATE alma_attempts SET detail = NULL WHERE detail IS NOT NULL AND (webhook, seq, at, number) IN
		(SELECT webhook, head, at, number FROM alma_attempts INDEXED BY alma_attempts_seq WHERE seq IN (SELECT value FROM json_each(?1)) AND head IS NOT NULL)`
	sqlEraseAttempts = `UPDATE alma_attempts INDEXED BY alma_attempts_seq SET detail = NULL, error = NULL WHERE seq IN (SELECT value FROM json_each(?1)) AND (detail IS NOT NULL OR error IS NOT NULL)`

	sqlErasePending = `SELECT w.id, x.seq FROM alma_exceptions AS x INDEXED BY alma_exceptions_seq JOIN alma_webhooks AS w ON w.number = x.webhook
		WHERE x.seq IN (SELECT value FROM json_each(?1)) AND x.status = 'PENDING' ORDER BY x.seq`
	sqlAttemptsOf = `SELECT e.attempts, e.replay_id FROM alma_exceptions AS x JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.seq = coalesce(x.head, x.seq)
		WHERE x.webhook = ? AND x.seq = ?`
	sqlEraseMessages = `DELETE FROM alma_messages WHERE (webhook, seq) IN
		(SELECT webhook, coalesce(head, seq) FROM alma_exceptions INDEXED BY alma_exceptions_seq WHERE seq IN (SELECT value FROM json_each(?1)))`
	// The text of a batch's error stands with its head.
	sqlEraseErrors = `UPDATE alma_exceptions SET last_error = '' WHERE last_error <> '' AND (webhook, seq) IN
		(SELECT webhook, coalesce(head, seq) FROM alma_exceptions INDEXED BY alma_exceptions_seq WHERE seq IN (SELECT value FROM json_each(?1)))`

	// Those of some positions that are erased.
	sqlErasedAmong = `SELECT seq FROM alma_events WHERE erased = 1 AND seq IN (SELECT value FROM json_each(?1))`

	// Memories after ?1; ?2 agent, ?3 project, ?4 id, ?5 since, ?6 until, ?7 limit.
	sqlPurgeMemories = `SELECT number FROM alma_memories WHERE number > ?1 AND (?2 = '' OR agent = ?2) AND (?3 = '' OR project_id = ?3) AND (?4 = '' OR id = ?4)
		AND (created_at >= ?5 AND created_at < ?6 OR updated_at >= ?5 AND updated_at < ?6) ORDER BY number LIMIT ?7`
	sqlDeleteMemories = `DELETE FROM alma_memories WHERE number IN (SELECT value FROM json_each(?1))`
	sqlDeleteTexts    = `DELETE FROM alma_memories_text WHERE rowid IN (SELECT value FROM json_each(?1))`
	// Merges the segments of the index: only then are the words of removed
	// memories gone from it.
	sqlOptimizeText = `INSERT INTO alma_memories_text (alma_memories_text) VALUES ('optimize')`

	// Freed content is overwritten with zeros.
	sqlSecureDelete = `PRAGMA secure_delete = ON`
	sqlFastDelete   = `PRAGMA secure_delete = FAST`
)
