package postgres

// Statements over alma_keys.
const (
	keyColumns = `id, name, role, project_id, hash, created_at, rate_limit, last_used_at`

	sqlInsertKey = `INSERT INTO alma_keys (` + keyColumns + `) VALUES ($1, $2, $3, $4, $5, coalesce($6, now()), $7, $8)`
	sqlFindKey   = `SELECT ` + keyColumns + ` FROM alma_keys WHERE hash = $1`
	sqlKeys      = `SELECT ` + keyColumns + ` FROM alma_keys ORDER BY number`
	sqlKeyUsed   = `UPDATE alma_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`
	sqlDeleteKey = `DELETE FROM alma_keys WHERE id = $1`
	// Keys that may make keys for everything. Who changes their number locks them
	// first, in one order: of two transactions the second sees what the first did.
	sqlLockAdmins  = `SELECT number FROM alma_keys WHERE role = $1 AND project_id = '' ORDER BY number FOR UPDATE`
	sqlCountAdmins = `SELECT count(*) FROM alma_keys WHERE role = $1 AND project_id = ''`
)
