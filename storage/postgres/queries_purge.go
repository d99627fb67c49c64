package postgres

// Statements that erase.
const (
	// A purge waits for the settlements that may bring something about events,
	// and they for it: what comes after it finds the events marked.
	sqlSharePurge = `SELECT pg_advisory_xact_lock_shared(1634495841, 4)`
	sqlHoldPurge  = `SELECT pg_advisory_xact_lock(1634495841, 4)`

	// A stretch of the log after $1 and $2, appended from $6 to $7, and which of
	// its events match; $3 agent, $4 project, $5 memory id, $8 limit.
	purgeMatch = `NOT erased AND ($3 = '' OR agent = $3) AND ($4 = '' OR project_id = $4) AND ($5 = '' OR memory_id = $5)`
	purgeSpan  = `(xact, seq) > ($1, $2) AND ($6::timestamptz IS NULL OR appended_at >= $6) AND ($7::timestamptz IS NULL OR appended_at < $7) ORDER BY xact, seq LIMIT $8`

	sqlPurgeEvents         = `SELECT xact, seq, appended_at, ` + purgeMatch + ` FROM alma_events WHERE ` + purgeSpan
	sqlPurgeEventsOfMemory = `SELECT xact, seq, appended_at, ` + purgeMatch + ` FROM alma_events WHERE memory_id = $5 AND ` + purgeSpan

	// $1 and $2 places, $3 the times of the append, which tell the partition.
	sqlEraseEvents = `UPDATE alma_events AS v SET data = '{}', envelope = NULL, agent = '', trace = NULL, erased = true
		FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS u(xact, seq, at) WHERE v.xact = u.xact AND v.seq = u.seq AND v.appended_at = u.at AND NOT v.erased`
	sqlMarkErased   = `INSERT INTO alma_erased (xact, seq) SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING`
	sqlCountErasing = `SELECT count(*) FROM unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) JOIN alma_attempts AS a ON a.xact = u.xact AND a.seq = u.seq WHERE a.detail IS NOT NULL OR a.error IS NOT NULL`
	sqlErasePending = `SELECT w.id, x.xact, x.seq FROM unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) JOIN alma_exceptions AS x ON x.xact = u.xact AND x.seq = u.seq AND x.status = 'PENDING'
		JOIN alma_webhooks AS w ON w.number = x.webhook ORDER BY x.xact, x.seq, x.webhook`
	sqlEraseDeliveries = `SELECT alma_erase_deliveries($1::bigint[], $2::bigint[], $3, $4)`

	// Those of some places that are erased.
	sqlEraseLate = `SELECT alma_erase_deliveries(array_agg(e.xact), array_agg(e.seq), $3, $4) FROM unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) JOIN alma_erased AS e ON e.xact = u.xact AND e.seq = u.seq HAVING count(*) > 0`

	// Memories after $1; $2 agent, $3 project, $4 id, $5 since, $6 until, $7 limit.
	sqlPurgeMemories = `SELECT number FROM alma_memories WHERE number > $1 AND ($2 = '' OR agent = $2) AND ($3 = '' OR project_id = $3) AND ($4 = '' OR id = $4)
		AND (coalesce(created_at >= $5::timestamptz, true) AND coalesce(created_at < $6::timestamptz, true) OR coalesce(updated_at >= $5, true) AND coalesce(updated_at < $6, true)) ORDER BY number LIMIT $7`
	sqlRemoveMemories = `DELETE FROM alma_memories WHERE number = ANY($1::bigint[])`

	// Frees what the erased rows took.
	sqlVacuum = `VACUUM alma_events, alma_attempts, alma_exceptions, alma_messages, alma_memories, alma_calls`
)
