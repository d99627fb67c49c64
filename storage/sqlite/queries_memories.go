package sqlite

// Statements over alma_memories and alma_memories_text.
const (
	memoryColumns = `m.id, m.type, m.agent, m.project_id, m.data, m.version, m.created_at, m.updated_at, m.embedding`

	sqlMemoryVersion = `SELECT number, version FROM alma_memories WHERE id = ?`
	sqlInsertMemory  = `INSERT INTO alma_memories (type, agent, project_id, data, version, created_at, updated_at, embedding, id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`
	sqlUpdateMemory = `UPDATE alma_memories SET type = ?, agent = ?, project_id = ?, data = ?, version = ?, created_at = ?, updated_at = ?, embedding = ? WHERE number = ?`
	sqlDeleteMemory = `DELETE FROM alma_memories WHERE number = ?`

	sqlInsertText = `INSERT INTO alma_memories_text (rowid, scope, main, rest) VALUES (?, ?, ?, ?)`
	sqlDeleteText = `DELETE FROM alma_memories_text WHERE rowid = ?`

	sqlGetMemories = `SELECT ` + memoryColumns + ` FROM alma_memories AS m WHERE m.id IN (SELECT value FROM json_each(?))`

	// ?1 and ?2 cursor (created_at, number), ?3 type, ?4 agent, ?5 project, ?6 since, ?7 limit.
	memoryFilters = ` (m.created_at, m.number) < (?1, ?2) AND (?3 = '' OR m.type = ?3) AND m.created_at >= ?6`
	memoryOrder   = ` ORDER BY m.created_at DESC, m.number DESC LIMIT ?7`

	sqlListMemories = `SELECT m.number, ` + memoryColumns + ` FROM alma_memories AS m WHERE` + memoryFilters +
		` AND (?4 = '' OR m.agent = ?4) AND (?5 = '' OR m.project_id = ?5)` + memoryOrder
	sqlListExactly = `SELECT m.number, ` + memoryColumns + ` FROM alma_memories AS m WHERE` + memoryFilters +
		` AND m.agent = ?4 AND m.project_id = ?5` + memoryOrder

	// bm25 is less than zero, and lowest for the best match. A word in the
	// main text counts three times one in the rest; the scope counts nothing.
	// ?1 expression, ?2 agent, ?3 project, ?4 types ('[]' = all), ?5 limit.
	sqlSearchText = `SELECT -bm25(alma_memories_text, 0.0, 3.0, 1.0), ` + memoryColumns + `
		FROM alma_memories_text AS f JOIN alma_memories AS m ON m.number = f.rowid
		WHERE alma_memories_text MATCH ?1 AND m.agent = ?2 AND m.project_id = ?3 AND (?4 = '[]' OR m.type IN (SELECT value FROM json_each(?4)))
		ORDER BY 1 DESC, m.number LIMIT ?5`

	sqlScopeEmbeddings = `SELECT m.id, m.embedding FROM alma_memories AS m
		WHERE m.agent = ?1 AND m.project_id = ?2 AND m.embedding IS NOT NULL AND (?3 = '[]' OR m.type IN (SELECT value FROM json_each(?3)))`
)
