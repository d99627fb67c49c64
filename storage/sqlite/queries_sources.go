package sqlite

// Statements over alma_sources.
const (
	sourceColumns = `name, settings, secret, created_at, updated_at`

	sqlInsertSource = `INSERT INTO alma_sources (` + sourceColumns + `) VALUES (?, ?, ?, ?, ?)`
	sqlUpdateSource = `UPDATE alma_sources SET settings = ?, secret = ?, updated_at = ? WHERE name = ?`
	sqlDeleteSource = `DELETE FROM alma_sources WHERE name = ?`
	sqlSource       = `SELECT ` + sourceColumns + ` FROM alma_sources WHERE name = ?`
	sqlSources      = `SELECT ` + sourceColumns + ` FROM alma_sources ORDER BY number`
)
