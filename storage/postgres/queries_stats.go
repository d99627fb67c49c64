package postgres

// Statements over alma_stats.
const (
	// Holds the row: a node's name may be that of two processes.
	sqlReserveStats = `INSERT INTO alma_stats (minute, node, stats) VALUES ($1, $2, '{}')
		ON CONFLICT (minute, node) DO UPDATE SET node = excluded.node RETURNING stats`
	sqlSetStats    = `UPDATE alma_stats SET stats = $3 WHERE minute = $1 AND node = $2`
	sqlOldStats    = `DELETE FROM alma_stats WHERE minute < $1`
	sqlStatsWithin = `SELECT minute, node, stats FROM alma_stats WHERE minute >= $1 AND minute < $2 ORDER BY minute, node`
)
