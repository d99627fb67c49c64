package sqlite

// Statements over alma_events.
const (
	eventColumns = `seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data, job_id, job_records, envelope, trace`

	// What a read returns.
	eventRow = eventColumns + `, erased`

	// The highest position ever given, and the time of the newest event.
	sqlLogTail = `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alma_events'), 0),
		coalesce((SELECT appended_at FROM alma_events ORDER BY seq DESC LIMIT 1), 0)`

	sqlEventsByID = `SELECT id, seq, appended_at FROM alma_events WHERE id IN (SELECT value FROM json_each(?))`

	sqlReadEvents = `SELECT ` + eventRow + ` FROM alma_events WHERE seq > ? ORDER BY seq LIMIT ?`

	// The first event at or after a position: a step of the search for a time.
	sqlEventTime = `SELECT seq, appended_at FROM alma_events WHERE seq >= ? ORDER BY seq LIMIT 1`
	sqlLogStart  = `SELECT coalesce(min(seq), 0) FROM alma_events`

	// Filters that select all when empty.
	eventFilters = ` AND (?3 = '' OR type = ?3) AND (?4 = '' OR memory_type = ?4) AND (?5 = '' OR agent = ?5) AND (?6 = '' OR project_id = ?6) AND (?7 = '' OR memory_id = ?7)`
	eventOrder   = ` ORDER BY seq DESC LIMIT ?8`

	// A stretch of the log, newest first.
	sqlFindEvents = `SELECT ` + eventRow + ` FROM alma_events WHERE seq >= ?1 AND seq < ?2` + eventFilters + eventOrder

	// The plus keeps SQLite to the index that finds few rows.
	sqlFindEventsByMemory = `SELECT ` + eventRow + ` FROM alma_events WHERE memory_id = ?7 AND seq >= ?1 AND seq < ?2` + eventFilters + eventOrder
	sqlFindEventsByID     = `SELECT ` + eventRow + ` FROM alma_events WHERE id IN (SELECT value FROM json_each(?9)) AND +seq >= ?1 AND +seq < ?2` + eventFilters + eventOrder
)

var sqlInsertEvents = newMultiRow(`INSERT INTO alma_events (`+eventColumns+`) VALUES`, 15, `ON CONFLICT (id) DO NOTHING`)
