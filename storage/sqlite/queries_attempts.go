package sqlite

// Statements over alma_attempts.
const (
	attemptColumns = `webhook, seq, at, number, duration, status_code, reason, error, batch_id, replay_id, head, detail`

	// Only the first member of a batch holds what was exchanged.
	sqlAttemptLog = `SELECT a.at, a.number, a.duration, a.status_code, coalesce(a.reason, ''), coalesce(a.error, ''), coalesce(a.batch_id, ''), coalesce(a.replay_id, ''),
			coalesce(a.detail, h.detail, '')
		FROM alma_attempts AS a
		LEFT JOIN alma_attempts AS h ON h.webhook = a.webhook AND h.seq = a.head AND h.at = a.at AND h.number = a.number
		WHERE a.webhook = ? AND a.seq = ? ORDER BY a.at, a.number`
)

// A settlement that is repeated after its answer was lost adds nothing.
var sqlInsertAttempts = newMultiRow(`INSERT OR IGNORE INTO alma_attempts (`+attemptColumns+`) VALUES`, 12, ``)
