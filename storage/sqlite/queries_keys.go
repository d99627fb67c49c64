package sqlite

// Statements over alma_keys.
const (
	keyColumns = `id, name, role, project_id, hash, created_at, rate_limit, last_used_at`

	sqlInsertKey = `INSERT INTO alma_keys (` + keyColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	sqlFindKey   = `SELECT ` + keyColumns + ` FROM alma_keys WHERE hash = ?`
	sqlKeys      = `SELECT ` + keyColumns + ` FROM alma_keys ORDER BY number`
	sqlKeyUsed   = `UPDATE alma_keys SET last_used_at = ?2 WHERE id = ?1 AND last_used_at < ?2`
	sqlDeleteKey = `DELETE FROM alma_keys WHERE id = ?`
	// Keys that may make keys for everything.
	sqlCountAdmins = `SELECT count(*) FROM alma_keys WHERE role = ? AND project_id = ''`
)
