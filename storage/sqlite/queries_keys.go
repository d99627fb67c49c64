package sqlite

// Statements over alma_keys.
const (
	keyColumns = `id, name, role, project_id, hash, created_at`

	sqlInsertKey = `INSERT INTO alma_keys (` + keyColumns + `) VALUES (?, ?, ?, ?, ?, ?)`
	sqlFindKey   = `SELECT ` + keyColumns + ` FROM alma_keys WHERE hash = ?`
	sqlKeys      = `SELECT ` + keyColumns + ` FROM alma_keys ORDER BY number`
	sqlDeleteKey = `DELETE FROM alma_keys WHERE id = ?`
)
