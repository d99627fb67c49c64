package postgres

// Statements for the listing of deliveries: rows of alma_exceptions and of
// alma_attempts together, one for each webhook and event.
//
// Candidates are (xact, seq, webhook), the newest event first. Both tables have
// an index in that order, so each gives its share and stops at the limit.
// Parameters: $1 webhook (0 = all), $2 and $3 the lowest place, $4 to $6 the
// cursor, $7 limit, $8 project (” = all), $9 status, $10 and $11 the times of
// the append, $12 reason (” = all).
const (
	candidateSpan = ` ($1::bigint = 0) AND (xact, seq) >= ($2, $3) AND (xact, seq, webhook) < ($4, $5, $6)`
	// The same, for the rows of one webhook: its cursor is the place alone.
	candidateLane = ` webhook = $1 AND (xact, seq) >= ($2, $3) AND (xact, seq) < ($4, $5) AND $6::bigint IS NOT NULL`

	candidateOrder = ` ORDER BY xact DESC, seq DESC, webhook DESC LIMIT $7`

	fromAttempts   = `(SELECT DISTINCT xact, seq, webhook FROM alma_attempts WHERE`
	fromExceptions = `(SELECT xact, seq, webhook FROM alma_exceptions WHERE`

	// Which candidates the page takes. It is a column, not a condition, so that
	// one query never looks at more than its limit.
	candidateMatch = `SELECT c.xact, c.seq, c.webhook,
			($8 = '' AND $10::timestamptz IS NULL AND $11::timestamptz IS NULL OR EXISTS (
				SELECT 1 FROM alma_events AS v WHERE v.xact = c.xact AND v.seq = c.seq AND ($8 = '' OR v.project_id = $8)
					AND ($10::timestamptz IS NULL OR v.appended_at >= $10) AND ($11::timestamptz IS NULL OR v.appended_at < $11)))
			AND ($9 <> 'SUCCESS' OR NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.webhook = c.webhook AND x.xact = c.xact AND x.seq = c.seq))
			AND ($12 = '' OR EXISTS (
				SELECT 1 FROM alma_exceptions AS x JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq)
				WHERE x.webhook = c.webhook AND x.xact = c.xact AND x.seq = c.seq AND e.last_reason = $12))
		FROM (`
	candidateEnd = `) AS c ORDER BY c.xact DESC, c.seq DESC, c.webhook DESC`

	// Every delivery.
	sqlCandidates     = candidateMatch + fromAttempts + candidateSpan + candidateOrder + `) UNION ` + fromExceptions + candidateSpan + candidateOrder + `)` + candidateOrder + candidateEnd
	sqlLaneCandidates = candidateMatch + fromAttempts + candidateLane + candidateOrder + `) UNION ` + fromExceptions + candidateLane + candidateOrder + `)` + candidateOrder + candidateEnd

	// Those with an attempt: where successes are found.
	sqlAttempted     = candidateMatch + fromAttempts + candidateSpan + candidateOrder + `)` + candidateEnd
	sqlLaneAttempted = candidateMatch + fromAttempts + candidateLane + candidateOrder + `)` + candidateEnd

	// Exceptions with a status.
	sqlExceptional     = candidateMatch + fromExceptions + ` status = $9 AND` + candidateSpan + candidateOrder + `)` + candidateEnd
	sqlLaneExceptional = candidateMatch + fromExceptions + ` status = $9 AND` + candidateLane + candidateOrder + `)` + candidateEnd

	// Where the events of a time begin and end in the log, to the day: within a
	// day's partition the order of the log is not that of time.
	sqlFirstSince = `SELECT xact, seq FROM alma_events WHERE appended_at >= $1 ORDER BY xact, seq LIMIT 1`
	sqlLastUntil  = `SELECT xact, seq FROM alma_events WHERE appended_at < $1 ORDER BY xact DESC, seq DESC LIMIT 1`
	sqlEventPlace = `SELECT xact, seq FROM alma_event_ids WHERE id = $1`

	// What is shown of deliveries: $1 and $2 their places, $3 their webhooks.
	sqlDeliveries = `SELECT w.id, w.url, k.xact, k.seq, coalesce(v.id, ''), coalesce(v.type, ''), coalesce(v.project_id, ''), v.appended_at, coalesce(v.job_records, 0),
			-- Attempts may go earlier than the delivery.
			coalesce(nullif((SELECT count(*) FROM alma_attempts AS a WHERE a.webhook = w.number AND a.xact = k.xact AND a.seq = k.seq), 0), e.attempts, 0),
			coalesce(x.status, 'SUCCESS'), e.next_attempt_at, coalesce(e.last_reason, ''), coalesce(e.last_error, ''), coalesce(e.last_status_code, 0),
			coalesce(e.job_id, ''), coalesce(e.suppressed, 0)
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k(xact, seq, webhook, ord)
		JOIN alma_webhooks AS w ON w.number = k.webhook
		LEFT JOIN alma_events AS v ON v.xact = k.xact AND v.seq = k.seq
		LEFT JOIN alma_exceptions AS x ON x.webhook = w.number AND x.xact = k.xact AND x.seq = k.seq
		LEFT JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq)
		ORDER BY k.ord`
)
