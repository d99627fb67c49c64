package sqlite

// Statements over alma_exceptions and alma_messages.
const (
	sqlSetException = `INSERT INTO alma_exceptions (webhook, seq, status, in_flight, attempts, next_attempt_at, delay, manual, last_reason, last_error, last_status_code, batch_id, members, replay_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (webhook, seq) DO UPDATE SET head = NULL, status = excluded.status, in_flight = excluded.in_flight, attempts = excluded.attempts,
			next_attempt_at = excluded.next_attempt_at, delay = excluded.delay, manual = excluded.manual, last_reason = excluded.last_reason, last_error = excluded.last_error,
			last_status_code = excluded.last_status_code, batch_id = excluded.batch_id, members = excluded.members, replay_id = excluded.replay_id, job_id = '', suppressed = 0`

	// The members of a batch but the first: ?1 webhook, ?2 head, ?3 status, ?4 their positions.
	sqlSetMembers = `INSERT INTO alma_exceptions (webhook, seq, head, status)
		SELECT ?1, value, ?2, ?3 FROM json_each(?4) WHERE true
		ON CONFLICT (webhook, seq) DO UPDATE SET head = excluded.head, status = excluded.status, in_flight = 0, attempts = 0, next_attempt_at = 0, delay = 0, manual = 0,
			last_reason = '', last_error = '', last_status_code = 0, batch_id = '', members = '', replay_id = '', job_id = '', suppressed = 0`

	// Rows that belong to some batch, among positions.
	sqlBatchRows = `SELECT seq, coalesce(head, 0), members FROM alma_exceptions
		WHERE webhook = ? AND seq IN (SELECT value FROM json_each(?)) AND (head IS NOT NULL OR members <> '')`
	sqlMembers       = `SELECT members FROM alma_exceptions WHERE webhook = ? AND seq = ?`
	sqlSetMemberList = `UPDATE alma_exceptions SET members = ? WHERE webhook = ? AND seq = ?`

	// A batch moves to another head: ?1 webhook, ?2 old head, ?3 new head, ?4 members.
	sqlMoveHead = `INSERT OR REPLACE INTO alma_exceptions (webhook, seq, status, in_flight, attempts, next_attempt_at, delay, manual, last_reason, last_error, last_status_code, batch_id, members, replay_id)
		SELECT webhook, ?3, status, in_flight, attempts, next_attempt_at, delay, manual, last_reason, last_error, last_status_code, batch_id, ?4, replay_id
		FROM alma_exceptions WHERE webhook = ?1 AND seq = ?2`
	sqlMoveMembers = `UPDATE alma_exceptions SET head = ?3 WHERE webhook = ?1 AND head = ?2 AND seq <> ?3 AND seq IN (SELECT value FROM json_each(?4))`
	sqlCopyMessage = `INSERT OR REPLACE INTO alma_messages (webhook, seq, message, body)
		SELECT webhook, ?3, message, body FROM alma_messages WHERE webhook = ?1 AND seq = ?2`

	sqlResolve        = `DELETE FROM alma_exceptions WHERE webhook = ? AND seq = ? RETURNING coalesce(head, 0), members`
	sqlResolveMembers = `DELETE FROM alma_exceptions WHERE webhook = ? AND head = ? AND seq IN (SELECT value FROM json_each(?))`

	sqlSetMessage = `INSERT INTO alma_messages (webhook, seq, message, body) VALUES (?, ?, ?, ?)
		ON CONFLICT (webhook, seq) DO UPDATE SET message = excluded.message, body = excluded.body`
	sqlDeleteMessage         = `DELETE FROM alma_messages WHERE webhook = ? AND seq = ?`
	sqlDeletePendingMessages = `DELETE FROM alma_messages WHERE webhook = ?1 AND seq IN (SELECT seq FROM alma_exceptions INDEXED BY alma_exceptions_pending WHERE webhook = ?1 AND status = 'PENDING')`

	sqlFailPending = `UPDATE alma_exceptions INDEXED BY alma_exceptions_pending SET status = 'FAILED', in_flight = 0, next_attempt_at = 0, delay = 0, last_reason = ?1, last_error = ?2, last_status_code = 0
		WHERE webhook = ?3 AND status = 'PENDING'`

	sqlAddSuppressed    = `UPDATE alma_exceptions SET suppressed = suppressed + ? WHERE webhook = ? AND job_id = ? AND job_id <> ''`
	sqlInsertSuppressed = `INSERT INTO alma_exceptions (webhook, seq, status, job_id, suppressed) VALUES (?, ?, 'SUPPRESSED', ?, ?) ON CONFLICT DO NOTHING`

	exceptionColumns = `e.seq, e.status, e.in_flight, e.attempts, e.next_attempt_at, e.delay, e.manual, e.last_reason, e.last_error, e.last_status_code, e.batch_id, e.members, e.replay_id`

	// A webhook may have very many failed ones: the index holds the pending alone.
	sqlWaiting = `SELECT ` + exceptionColumns + ` FROM alma_exceptions AS e INDEXED BY alma_exceptions_pending WHERE e.webhook = ? AND e.status = 'PENDING' AND e.head IS NULL ORDER BY e.seq`

	// Any member leads to its head.
	sqlException = `SELECT ` + exceptionColumns + `, m.message, m.body
		FROM alma_exceptions AS x
		JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.seq = coalesce(x.head, x.seq)
		LEFT JOIN alma_messages AS m ON m.webhook = e.webhook AND m.seq = e.seq
		WHERE x.webhook = ? AND x.seq = ?`

	sqlSettled = `SELECT seq FROM alma_attempts WHERE webhook = ?1 AND seq > ?2
		UNION SELECT seq FROM alma_exceptions WHERE webhook = ?1 AND seq > ?2 ORDER BY seq`
)
