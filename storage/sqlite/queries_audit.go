package sqlite

// Statements over alma_audit.
const (
	sqlInsertAudit = `INSERT INTO alma_audit (at, key_id, object_id, project_id, entry) VALUES (?, ?, ?, ?, ?)`

	// ?1 before this number; ?2 to ?4 key, object and project ('' = all); ?5 and
	// ?6 since and until; ?7 limit.
	sqlFindAudit = `SELECT number, entry FROM alma_audit
		WHERE number < ?1 AND (?2 = '' OR key_id = ?2) AND (?3 = '' OR object_id = ?3) AND (?4 = '' OR project_id = ?4) AND at >= ?5 AND at < ?6
		ORDER BY number DESC LIMIT ?7`

	sqlDeleteAudit = `DELETE FROM alma_audit WHERE number IN (SELECT number FROM alma_audit WHERE at < ?1 LIMIT ?2)`
)
