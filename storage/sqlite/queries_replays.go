package sqlite

// Statements over alma_replays.
const (
	replayColumns = `r.id, w.id, r.query, r.state, r.state_reason, r.cursor, r.last, r.total, r.looked, r.delivered, r.failed, r.retrying, r.passed, r.created_at, r.updated_at, r.finished_at`
	fromReplays   = ` FROM alma_replays AS r JOIN alma_webhooks AS w ON w.number = r.webhook`

	sqlInsertReplay = `INSERT INTO alma_replays (id, webhook, query, jobs, state, state_reason, cursor, last, total, created_at, updated_at)
		VALUES (?1, ?2, ?3, ?4, 'running', '', ?5, ?6, ?7, ?8, ?8)`
	// The bulk jobs that are suppressed for a webhook, and since which place.
	sqlSuppressedJobs = `SELECT json_group_object(job_id, seq) FROM alma_exceptions WHERE webhook = ? AND job_id <> '' AND status = 'SUPPRESSED'`

	sqlReplay            = `SELECT ` + replayColumns + fromReplays + ` WHERE r.id = ?`
	sqlUnfinishedReplays = `SELECT ` + replayColumns + fromReplays + ` WHERE r.webhook = ? AND r.finished_at = 0 ORDER BY r.number`

	// ?1 before this number, ?2 webhooks ('[]' = all), ?3 states ('[]' = all), ?4 limit.
	sqlFindReplays = `SELECT r.number, ` + replayColumns + fromReplays + `
		WHERE r.number < ?1 AND (?2 = '[]' OR w.id IN (SELECT value FROM json_each(?2))) AND (?3 = '[]' OR r.state IN (SELECT value FROM json_each(?3)))
		ORDER BY r.number DESC LIMIT ?4`

	// ?1 state, ?2 reason, ?3 now, ?4 finished_at, ?5 id.
	sqlSetReplayState = `UPDATE alma_replays SET state = ?1, state_reason = ?2, updated_at = ?3, finished_at = ?4 WHERE id = ?5 AND finished_at = 0 AND state <> ?1`
	sqlCancelReplays  = `UPDATE alma_replays SET state = 'canceled', state_reason = ?1, updated_at = ?2, finished_at = ?2 WHERE webhook = ?3 AND finished_at = 0`

	// ?1 id, ?2 cursor, ?3 to ?7 counts, ?8 now, ?9 state ('' = as it is), ?10 reason.
	sqlMoveReplay = `UPDATE alma_replays SET cursor = max(cursor, ?2), looked = looked + ?3, delivered = delivered + ?4, failed = failed + ?5, retrying = retrying + ?6, passed = passed + ?7,
			updated_at = ?8,
			state_reason = CASE WHEN finished_at = 0 AND ?9 <> '' THEN ?10 ELSE state_reason END,
			state = CASE WHEN finished_at = 0 AND ?9 <> '' THEN ?9 ELSE state END,
			finished_at = CASE WHEN finished_at = 0 AND ?9 <> '' THEN ?8 ELSE finished_at END
		WHERE id = ?1`
)

// What a replay reads: events v of the log after ?1, up to ?2, for the webhook
// ?3, at most ?4 of them. Pending deliveries are on their way anyway.
const (
	replayRow     = `SELECT v.seq, v.id, v.type, v.memory_id, v.memory_type, v.agent, v.project_id, v.timestamp_sec, v.timestamp_nsec, v.appended_at, v.data, v.job_id, v.job_records, v.envelope, v.trace, v.erased`
	replayOrder   = ` ORDER BY 1 LIMIT ?4`
	replayPending = ` AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = ?3 AND x.seq = v.seq AND x.status = 'PENDING')`

	sqlReplayAll = replayRow + ` FROM alma_events AS v WHERE v.seq > ?1 AND v.seq <= ?2` + replayPending + replayOrder

	// ?5 reason ('' = all). That of a batch stands with its head.
	fromFailed = ` FROM alma_exceptions AS x
		JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.seq = coalesce(x.head, x.seq)
		CROSS JOIN alma_events AS v ON v.seq = x.seq
		WHERE x.webhook = ?3 AND x.seq > ?1 AND x.seq <= ?2 AND +x.status = 'FAILED' AND (?5 = '' OR e.last_reason = ?5)`
	sqlReplayFailed = replayRow + fromFailed + ` ORDER BY x.seq LIMIT ?4`

	fromSucceeded = ` FROM (SELECT DISTINCT seq FROM alma_attempts WHERE webhook = ?3 AND seq > ?1 AND seq <= ?2) AS c
		CROSS JOIN alma_events AS v ON v.seq = c.seq
		WHERE NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = ?3 AND x.seq = c.seq)`
	sqlReplaySucceeded = replayRow + fromSucceeded + replayOrder

	// ?5 the jobs.
	sqlReplaySuppressed = replayRow + ` FROM alma_events AS v JOIN json_each(?5) AS j ON j.key = v.job_id AND v.seq >= j.value
		WHERE v.seq > ?1 AND v.seq <= ?2 AND v.type <> 'JOB_END'
			AND NOT EXISTS (SELECT 1 FROM alma_attempts AS a WHERE a.webhook = ?3 AND a.seq = v.seq)
			AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = ?3 AND x.seq = v.seq AND x.status <> 'SUPPRESSED')` + replayOrder
	sqlReplayJobs = `SELECT jobs FROM alma_replays WHERE id = ?`
)

// How many events a replay is about to read: exactly while they are few. ?4
// bounds the count.
const (
	sqlCountAll        = `SELECT count(*) FROM (SELECT 1 FROM alma_events AS v WHERE v.seq > ?1 AND v.seq <= ?2` + replayPending + ` LIMIT ?4)`
	sqlCountFailed     = `SELECT count(*) FROM (SELECT 1` + fromFailed + ` LIMIT ?4)`
	sqlCountSucceeded  = `SELECT count(*) FROM (SELECT 1` + fromSucceeded + ` LIMIT ?4)`
	sqlCountSuppressed = `SELECT coalesce(sum(suppressed), 0) FROM alma_exceptions WHERE webhook = ?3 AND job_id <> '' AND status = 'SUPPRESSED' AND seq <= ?2`
)
