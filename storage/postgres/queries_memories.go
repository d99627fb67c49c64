package postgres

// Statements over alma_memories.
const (
	memoryColumns = `m.id, m.type, m.agent, m.project_id, m.data, m.version, m.created_at, m.updated_at, m.embedding`

	// All who change memories lock them in the same order.
	sqlHoldMemories = `SELECT id, version FROM alma_memories WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE`

	// The words stand in three texts: $9 the main one, $10 the rest, $11 the
	// one made-up word for agent and project.
	memoryWords = `setweight(to_tsvector('alma_words', $9), 'A') || setweight(to_tsvector('alma_words', $10), 'D') || array_to_tsvector(ARRAY[$11::text])`

	sqlInsertMemory = `INSERT INTO alma_memories (id, type, agent, project_id, data, version, created_at, updated_at, embedding, words)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $12, ` + memoryWords + `) ON CONFLICT (id) DO NOTHING`
	sqlUpdateMemory   = `UPDATE alma_memories SET type = $2, agent = $3, project_id = $4, data = $5, version = $6, created_at = $7, updated_at = $8, embedding = $12, words = ` + memoryWords + ` WHERE id = $1`
	sqlDeleteMemories = `DELETE FROM alma_memories WHERE id = ANY($1::text[])`

	sqlGetMemories = `SELECT ` + memoryColumns + ` FROM alma_memories AS m WHERE m.id = ANY($1::text[])`

	// $1 and $2 cursor (created_at, number), $3 type, $4 agent, $5 project, $6 since, $7 limit.
	memoryFilters = ` ($1::timestamptz IS NULL OR (m.created_at, m.number) < ($1, $2)) AND ($3 = '' OR m.type = $3) AND ($6::timestamptz IS NULL OR m.created_at >= $6)`
	memoryOrder   = ` ORDER BY m.created_at DESC, m.number DESC LIMIT $7`

	sqlListMemories = `SELECT ` + memoryColumns + `, m.number FROM alma_memories AS m WHERE` + memoryFilters +
		` AND ($4 = '' OR m.agent = $4) AND ($5 = '' OR m.project_id = $5)` + memoryOrder
	sqlListExactly = `SELECT ` + memoryColumns + `, m.number FROM alma_memories AS m WHERE` + memoryFilters +
		` AND m.agent = $4 AND m.project_id = $5` + memoryOrder

	scope = `m.agent = $1 AND m.project_id = $2 AND (cardinality($3::text[]) = 0 OR m.type = ANY($3::text[]))`

	// A word in the main text counts three times one in the rest, and a long
	// memory must hold more of them than a short one. $4 the words, $5 the one
	// for agent and project, $6 limit.
	sqlSearchText = `SELECT ` + memoryColumns + `, ts_rank('{0.33, 0.33, 0.33, 1}', m.words, q.words, 1)
		FROM alma_memories AS m CROSS JOIN (SELECT to_tsquery('alma_words', $4) AS words) AS q
		WHERE m.words @@ ($5::tsquery && q.words) AND ` + scope + ` ORDER BY 10 DESC, m.number LIMIT $6`

	sqlScopeEmbeddings = `SELECT m.id, m.embedding FROM alma_memories AS m WHERE ` + scope + ` AND m.embedding IS NOT NULL`

	// The same work done by the extension pgvector. $4 the embedding, $5 limit.
	sqlNearestVectors = `SELECT m.id, 1 - (m.embedding::vector <=> $4::real[]::vector) FROM alma_memories AS m
		WHERE ` + scope + ` AND cardinality(m.embedding) = cardinality($4::real[]) ORDER BY 2 DESC NULLS LAST, m.id LIMIT $5`

	sqlHasVector = `SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector') AND to_regtype('vector') IS NOT NULL`
)
