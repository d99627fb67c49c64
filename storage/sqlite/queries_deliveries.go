package sqlite

// Statements for the listing of deliveries: rows of alma_exceptions and of
// alma_attempts together, one for each webhook and event.
//
// Candidates are (seq, webhook), the newest event first. Both tables have an
// index in that order, so SQLite merges two walks and stops at the limit.
// Parameters: ?1 webhook (0 = all), ?2 and ?3 the span of seq (from, before),
// ?4 and ?5 the cursor, ?6 limit, ?7 project (” = all), ?8 status, ?9 reason (” = all).
const (
	candidateSpan = ` seq >= ?2 AND seq < ?3 AND (seq, webhook) < (?4, ?5)`
	// The same, for the rows of one webhook: its cursor is the seq alone.
	candidateLane = ` webhook = ?1 AND seq >= ?2 AND seq < min(?3, ?4)`

	candidateOrder = ` ORDER BY 1 DESC, 2 DESC LIMIT ?6`

	// Which candidates the page takes. It is a column, not a condition, so that
	// one query never looks at more than its limit.
	candidateMatch = `SELECT c.seq, c.webhook, (?7 = '' OR EXISTS (SELECT 1 FROM alma_events AS v WHERE v.seq = c.seq AND v.project_id = ?7))
		AND (?8 <> 'SUCCESS' OR NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = c.webhook AND x.seq = c.seq))
		AND (?9 = '' OR EXISTS (SELECT 1 FROM alma_exceptions AS x JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.seq = coalesce(x.head, x.seq)
			WHERE x.webhook = c.webhook AND x.seq = c.seq AND e.last_reason = ?9)) FROM `

	// Every delivery.
	sqlCandidates = candidateMatch + `(SELECT seq, webhook FROM alma_attempts WHERE` + candidateSpan + `
		UNION SELECT seq, webhook FROM alma_exceptions WHERE` + candidateSpan + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`
	sqlLaneCandidates = candidateMatch + `(SELECT seq, webhook FROM alma_attempts WHERE` + candidateLane + `
		UNION SELECT seq, webhook FROM alma_exceptions WHERE` + candidateLane + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`

	// Those with an attempt: where successes are found.
	sqlAttempted     = candidateMatch + `(SELECT DISTINCT seq, webhook FROM alma_attempts WHERE` + candidateSpan + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`
	sqlLaneAttempted = candidateMatch + `(SELECT DISTINCT seq, webhook FROM alma_attempts WHERE` + candidateLane + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`

	// Exceptions with a status.
	sqlExceptional     = candidateMatch + `(SELECT seq, webhook FROM alma_exceptions WHERE status = ?8 AND` + candidateSpan + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`
	sqlLanePending     = candidateMatch + `(SELECT seq, webhook FROM alma_exceptions WHERE status = 'PENDING' AND` + candidateLane + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`
	sqlLaneExceptional = candidateMatch + `(SELECT seq, webhook FROM alma_exceptions WHERE +status = ?8 AND` + candidateLane + candidateOrder + `) AS c ORDER BY 1 DESC, 2 DESC`

	// What is shown of deliveries: ?1 is a JSON list of [seq, webhook].
	sqlDeliveries = `SELECT w.id, w.url, k.value ->> 0, coalesce(v.id, ''), coalesce(v.type, ''), coalesce(v.project_id, ''), coalesce(v.appended_at, 0), coalesce(v.job_records, 0),
			coalesce(nullif((SELECT count(*) FROM alma_attempts AS a WHERE a.webhook = w.number AND a.seq = k.value ->> 0), 0), e.attempts, 0), -- attempts go earlier
			
			coalesce(x.status, 'SUCCESS'), coalesce(e.next_attempt_at, 0), coalesce(e.last_reason, ''), coalesce(e.last_error, ''), coalesce(e.last_status_code, 0),
			coalesce(e.job_id, ''), coalesce(e.suppressed, 0)
		FROM json_each(?1) AS k
		JOIN alma_webhooks AS w ON w.number = k.value ->> 1
		LEFT JOIN alma_events AS v ON v.seq = k.value ->> 0
		LEFT JOIN alma_exceptions AS x ON x.webhook = w.number AND x.seq = k.value ->> 0
		LEFT JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.seq = coalesce(x.head, x.seq)
		ORDER BY k.key`
)
