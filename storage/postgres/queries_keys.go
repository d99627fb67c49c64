package postgres

// Statements over alma_keys.
const (
	keyColumns = `id, name, role, project_id, hash, created_at`

	sqlInsertKey = `INSERT INTO alma_keys (` + keyColumns + `) VALUES ($1, $2, $3, $4, $5, coalesce($6, now()))`
	sqlFindKey   = `SELECT ` + keyColumns + ` FROM alma_keys WHERE hash = $1`
	sqlKeys      = `SELECT ` + keyColumns + ` FROM alma_keys ORDER BY number`
	sqlDeleteKey = `DELETE FROM alma_keys WHERE id = $1`
)
