package postgres

// Statements over alma_exceptions and alma_messages.
const (
	exceptionColumns = `webhook, xact, seq, head_xact, head_seq, batch, status, in_flight, attempts, next_attempt_at, delay, manual, last_reason, last_error, last_status_code, batch_id, replay_id`

	// One delivery of a failed batch may be retried by hand, and must not take
	// the others along.
	sqlLeaveBatches = `SELECT alma_leave_batches(array_agg(w.number), array_agg(u.xact), array_agg(u.seq))
		FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(id, xact, seq) JOIN alma_webhooks AS w ON w.id = u.id`

	// What comes late, after its webhook was deleted, waits for nothing any more.
	sqlSetExceptions = `INSERT INTO alma_exceptions (` + exceptionColumns + `)
		SELECT w.number, u.xact, u.seq, nullif(u.head_xact, 0), CASE WHEN u.head_xact <> 0 THEN u.head_seq END, u.batch,
			CASE WHEN late THEN 'FAILED' ELSE u.status END, u.in_flight AND NOT late, u.attempts, CASE WHEN NOT late THEN u.next_attempt_at END,
			u.delay, u.manual, CASE WHEN late THEN $16 ELSE u.last_reason END, CASE WHEN late THEN $17 ELSE u.last_error END,
			CASE WHEN late THEN 0 ELSE u.last_status_code END, u.batch_id, u.replay_id
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::text[], $8::boolean[], $9::int[], $10::timestamptz[], $11::bigint[], $12::boolean[], $13::text[], $14::text[], $15::int[], $18::text[], $19::text[])
			AS u(id, xact, seq, head_xact, head_seq, batch, status, in_flight, attempts, next_attempt_at, delay, manual, last_reason, last_error, last_status_code, batch_id, replay_id)
		JOIN alma_webhooks AS w ON w.id = u.id
		CROSS JOIN LATERAL (SELECT w.deleted_at IS NOT NULL AND u.status = 'PENDING' AS late) AS l
		ON CONFLICT (webhook, xact, seq) DO UPDATE SET head_xact = excluded.head_xact, head_seq = excluded.head_seq, batch = excluded.batch, status = excluded.status,
			in_flight = excluded.in_flight, attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at, delay = excluded.delay, manual = excluded.manual,
			last_reason = excluded.last_reason, last_error = excluded.last_error, last_status_code = excluded.last_status_code, batch_id = excluded.batch_id, replay_id = excluded.replay_id,
			job_id = '', suppressed = 0`

	sqlSetMessages = `INSERT INTO alma_messages (webhook, xact, seq, message, body)
		SELECT w.number, u.xact, u.seq, u.message, u.body
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) AS u(id, xact, seq, message, body)
		JOIN alma_webhooks AS w ON w.id = u.id AND w.deleted_at IS NULL
		ON CONFLICT (webhook, xact, seq) DO UPDATE SET message = excluded.message, body = excluded.body`

	// Deliveries that are done: $1 webhooks, $2 and $3 their places. The first
	// of a batch takes its members along.
	resolved = `FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(id, xact, seq) JOIN alma_webhooks AS w ON w.id = u.id AND w.deleted_at IS NULL`

	sqlResolveMembers  = `DELETE FROM alma_exceptions AS x USING (SELECT w.number, u.xact, u.seq ` + resolved + `) AS r WHERE x.webhook = r.number AND x.head_xact = r.xact AND x.head_seq = r.seq`
	sqlResolve         = `DELETE FROM alma_exceptions AS x USING (SELECT w.number, u.xact, u.seq ` + resolved + `) AS r WHERE x.webhook = r.number AND x.xact = r.xact AND x.seq = r.seq`
	sqlResolveMessages = `DELETE FROM alma_messages AS x USING (SELECT w.number, u.xact, u.seq ` + resolved + `) AS r WHERE x.webhook = r.number AND x.xact = r.xact AND x.seq = r.seq`

	sqlDeletePendingMessages = `DELETE FROM alma_messages AS m USING alma_exceptions AS x
		WHERE x.webhook = $1 AND x.status = 'PENDING' AND m.webhook = x.webhook AND m.xact = x.xact AND m.seq = x.seq`
	sqlFailPending = `UPDATE alma_exceptions SET status = 'FAILED', in_flight = false, next_attempt_at = NULL, delay = 0, last_reason = $2, last_error = $3, last_status_code = 0
		WHERE webhook = $1 AND status = 'PENDING'`

	// $1 webhooks, $2 jobs, $3 and $4 the first places, $5 counts.
	suppressed            = `FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u(id, job_id, xact, seq, count) JOIN alma_webhooks AS w ON w.id = u.id AND w.deleted_at IS NULL`
	sqlAddSuppressed      = `UPDATE alma_exceptions AS x SET suppressed = x.suppressed + r.count FROM (SELECT w.number, u.* ` + suppressed + `) AS r WHERE x.webhook = r.number AND x.job_id = r.job_id AND x.job_id <> ''`
	sqlInsertSuppressions = `INSERT INTO alma_exceptions (webhook, xact, seq, status, job_id, suppressed)
		SELECT w.number, u.xact, u.seq, 'SUPPRESSED', u.job_id, u.count ` + suppressed + ` ON CONFLICT DO NOTHING`

	shownColumns = `e.xact, e.seq, e.batch, e.status, e.in_flight, e.attempts, e.next_attempt_at, e.delay, e.manual, e.last_reason, e.last_error, e.last_status_code, e.batch_id, e.replay_id,
		members.xacts, members.seqs`

	// The members of a batch, its head first.
	withMembers = ` LEFT JOIN LATERAL (
			SELECT array_agg(m.xact ORDER BY m.xact, m.seq) AS xacts, array_agg(m.seq ORDER BY m.xact, m.seq) AS seqs FROM alma_exceptions AS m
			WHERE e.batch AND m.webhook = e.webhook AND m.head_xact = e.xact AND m.head_seq = e.seq
		) AS members ON e.batch`

	sqlWaiting = `SELECT ` + shownColumns + `, w.id FROM alma_webhooks AS w JOIN alma_exceptions AS e ON e.webhook = w.number` + withMembers + `
		WHERE w.id = ANY($1::text[]) AND e.status = 'PENDING' AND e.head_xact IS NULL ORDER BY e.webhook, e.xact, e.seq`

	// Any member leads to its head.
	sqlException = `SELECT ` + shownColumns + `, m.message, m.body
		FROM alma_exceptions AS x
		JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq)` + withMembers + `
		LEFT JOIN alma_messages AS m ON m.webhook = e.webhook AND m.xact = e.xact AND m.seq = e.seq
		WHERE x.webhook = (SELECT number FROM alma_webhooks WHERE id = $1) AND x.xact = $2 AND x.seq = $3`
)
