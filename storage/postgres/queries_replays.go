package postgres

// Statements over alma_replays.
const (
	replayColumns = `r.id, w.id, r.query, r.state, r.state_reason, r.xact, r.seq, r.last_xact, r.last_seq, r.total, r.looked, r.delivered, r.failed, r.retrying, r.passed, r.created_at, r.updated_at, r.finished_at`
	fromReplays   = ` FROM alma_replays AS r JOIN alma_webhooks AS w ON w.number = r.webhook`

	// The webhook stays until the commit.
	sqlHoldWebhook = `SELECT number FROM alma_webhooks WHERE id = $1 AND deleted_at IS NULL FOR SHARE`

	// $8 says whether the replay is about suppressed jobs: those that are so
	// now, and since which place.
	sqlInsertReplay = `INSERT INTO alma_replays (id, webhook, query, state, state_reason, xact, seq, last_xact, last_seq, total, created_at, updated_at, jobs, job_xacts, job_seqs)
		SELECT $1, $2, $3, 'running', '', $4, $5, $6, $7, $9, now(), now(), coalesce(array_agg(x.job_id), '{}'), coalesce(array_agg(x.xact), '{}'), coalesce(array_agg(x.seq), '{}')
		FROM alma_exceptions AS x WHERE $8 AND x.webhook = $2 AND x.job_id <> '' AND x.status = 'SUPPRESSED'`

	sqlReplay            = `SELECT ` + replayColumns + fromReplays + ` WHERE r.id = $1`
	sqlUnfinishedReplays = `SELECT ` + replayColumns + fromReplays + ` WHERE w.id = ANY($1::text[]) AND r.finished_at IS NULL ORDER BY r.number`

	// $1 before this number, $2 webhooks (empty = all), $3 states (empty = all), $4 limit.
	sqlFindReplays = `SELECT ` + replayColumns + `, r.number` + fromReplays + `
		WHERE r.number < $1 AND (cardinality($2::text[]) = 0 OR w.id = ANY($2)) AND (cardinality($3::text[]) = 0 OR r.state = ANY($3))
		ORDER BY r.number DESC LIMIT $4`

	// $1 id, $2 state, $3 reason, $4 whether it is an end.
	sqlSetReplayState = `UPDATE alma_replays SET state = $2, state_reason = $3, updated_at = now(), finished_at = CASE WHEN $4 THEN now() END
		WHERE id = $1 AND finished_at IS NULL AND state <> $2`
	sqlCancelReplays = `UPDATE alma_replays SET state = 'canceled', state_reason = $2, updated_at = now(), finished_at = now() WHERE webhook = $1 AND finished_at IS NULL`

	// $1 id, $2 and $3 cursor, $4 to $8 counts, $9 state (” = as it is), $10 reason.
	sqlMoveReplay = `UPDATE alma_replays SET
			xact = CASE WHEN ($2::bigint, $3::bigint) > (xact, seq) THEN $2 ELSE xact END,
			seq  = CASE WHEN ($2::bigint, $3::bigint) > (xact, seq) THEN $3 ELSE seq END,
			looked = looked + $4, delivered = delivered + $5, failed = failed + $6, retrying = retrying + $7, passed = passed + $8, updated_at = now(),
			state_reason = CASE WHEN finished_at IS NULL AND $9 <> '' THEN $10 ELSE state_reason END,
			state = CASE WHEN finished_at IS NULL AND $9 <> '' THEN $9 ELSE state END,
			finished_at = CASE WHEN finished_at IS NULL AND $9 <> '' THEN now() ELSE finished_at END
		WHERE id = $1`
)

// What a replay reads: events v of the log after $1 and $2, up to $3 and $4,
// appended from $5 to $6, for the webhook $7. Pending deliveries are on their
// way anyway.
const (
	replaySpan = ` (v.xact, v.seq) > ($1, $2) AND (v.xact, v.seq) <= ($3, $4) AND ($5::timestamptz IS NULL OR v.appended_at >= $5) AND ($6::timestamptz IS NULL OR v.appended_at < $6)`

	fromAll = ` FROM alma_events AS v WHERE` + replaySpan + `
		AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = $7 AND x.xact = v.xact AND x.seq = v.seq AND x.status = 'PENDING')`

	// $8 reason (” = all). That of a batch stands with its head.
	fromFailed = ` FROM alma_exceptions AS x
		JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq)
		JOIN alma_events AS v ON v.xact = x.xact AND v.seq = x.seq
		WHERE x.webhook = $7 AND (x.xact, x.seq) > ($1, $2) AND (x.xact, x.seq) <= ($3, $4) AND x.status = 'FAILED' AND ($8 = '' OR e.last_reason = $8) AND` + replaySpan

	fromSucceeded = ` FROM (SELECT DISTINCT xact, seq FROM alma_attempts WHERE webhook = $7 AND (xact, seq) > ($1, $2) AND (xact, seq) <= ($3, $4)) AS a
		JOIN alma_events AS v ON v.xact = a.xact AND v.seq = a.seq
		WHERE NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = $7 AND x.xact = a.xact AND x.seq = a.seq) AND` + replaySpan

	// $8 the replay.
	fromSuppressed = ` FROM (SELECT u.* FROM alma_replays AS r CROSS JOIN LATERAL unnest(r.jobs, r.job_xacts, r.job_seqs) AS u(job, xact, seq) WHERE r.id = $8) AS j
		JOIN alma_events AS v ON v.job_id = j.job AND (v.xact, v.seq) >= (j.xact, j.seq)
		WHERE v.type <> 'JOB_END'
			AND NOT EXISTS (SELECT 1 FROM alma_attempts AS a WHERE a.webhook = $7 AND a.xact = v.xact AND a.seq = v.seq)
			AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = $7 AND x.xact = v.xact AND x.seq = v.seq AND x.status <> 'SUPPRESSED') AND` + replaySpan

	// A page: its size and about its bytes are the last two parameters.
	replayPage = `SELECT ` + eventRow + ` FROM (
			SELECT *, sum(octet_length(data)) OVER (ORDER BY xact, seq ROWS UNBOUNDED PRECEDING) - octet_length(data) AS before FROM (SELECT v.*`

	sqlReplayAll        = replayPage + fromAll + ` ORDER BY v.xact, v.seq LIMIT $8) AS v) AS v WHERE before < $9 ORDER BY xact, seq`
	replayPageEnd       = ` ORDER BY v.xact, v.seq LIMIT $9) AS v) AS v WHERE before < $10 ORDER BY xact, seq`
	sqlReplayFailed     = replayPage + fromFailed + replayPageEnd
	sqlReplaySucceeded  = replayPage + fromSucceeded + ` ORDER BY v.xact, v.seq LIMIT $8) AS v) AS v WHERE before < $9 ORDER BY xact, seq`
	sqlReplaySuppressed = replayPage + fromSuppressed + replayPageEnd
)

// How many events a replay is about to read: exactly while they are few. The
// last parameter bounds the count.
const (
	sqlCountAll        = `SELECT count(*) FROM (SELECT 1` + fromAll + ` LIMIT $8) AS c`
	sqlCountFailed     = `SELECT count(*) FROM (SELECT 1` + fromFailed + ` LIMIT $9) AS c`
	sqlCountSucceeded  = `SELECT count(*) FROM (SELECT 1` + fromSucceeded + ` LIMIT $8) AS c`
	sqlCountSuppressed = `SELECT coalesce(sum(suppressed), 0)::bigint FROM alma_exceptions WHERE webhook = $1 AND job_id <> '' AND status = 'SUPPRESSED' AND (xact, seq) <= ($2, $3)`
)
