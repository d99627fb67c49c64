package postgres

// Statements over alma_sources.
const (
	sourceColumns = `name, settings, secret, created_at, updated_at`

	sqlInsertSource = `INSERT INTO alma_sources (` + sourceColumns + `) VALUES ($1, $2, $3, coalesce($4, now()), now()) RETURNING ` + sourceColumns
	sqlUpdateSource = `UPDATE alma_sources SET settings = $2, secret = $3, updated_at = now() WHERE name = $1 RETURNING ` + sourceColumns
	sqlDeleteSource = `DELETE FROM alma_sources WHERE name = $1`
	sqlSource       = `SELECT ` + sourceColumns + ` FROM alma_sources WHERE name = $1`
	sqlSources      = `SELECT ` + sourceColumns + ` FROM alma_sources ORDER BY number`
)
