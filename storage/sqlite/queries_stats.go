package sqlite

// Statements over alma_stats.
const (
	sqlStatsOf     = `SELECT stats FROM alma_stats WHERE minute = ? AND node = ?`
	sqlSetStats    = `INSERT OR REPLACE INTO alma_stats (minute, node, stats) VALUES (?, ?, ?)`
	sqlOldStats    = `DELETE FROM alma_stats WHERE minute < ?`
	sqlStatsWithin = `SELECT minute, node, stats FROM alma_stats WHERE minute >= ? AND minute < ? ORDER BY minute, node`
)
