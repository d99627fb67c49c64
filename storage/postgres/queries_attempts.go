package postgres

// Statements over alma_attempts.
const (
	attemptColumns = `webhook, xact, seq, at, number, duration, status_code, reason, error, batch_id, replay_id, head_xact, head_seq, detail`

	// A settlement that is repeated after its answer was lost adds nothing.
	// A head of (0, 0) is none: no event stands there.
	sqlInsertAttempts = `INSERT INTO alma_attempts (` + attemptColumns + `)
		SELECT webhook, xact, seq, at, number, duration, status_code, nullif(reason, ''), nullif(error, ''), nullif(batch_id, ''), nullif(replay_id, ''),
			nullif(head_xact, 0), CASE WHEN head_xact <> 0 THEN head_seq END, nullif(detail, '')
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::int[], $6::bigint[], $7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[])
			AS u(` + attemptColumns + `)
		ON CONFLICT DO NOTHING`

	// Only the first member of a batch holds what was exchanged.
	sqlAttemptLog = `SELECT a.at, a.number, a.duration, a.status_code, coalesce(a.reason, ''), coalesce(a.error, ''), coalesce(a.batch_id, ''), coalesce(a.replay_id, ''),
			coalesce(a.detail, h.detail, '')
		FROM alma_attempts AS a
		LEFT JOIN alma_attempts AS h ON h.webhook = a.webhook AND h.xact = a.head_xact AND h.seq = a.head_seq AND h.at = a.at AND h.number = a.number
		WHERE a.webhook = $1 AND a.xact = $2 AND a.seq = $3 ORDER BY a.at, a.number`

	// $1 webhook, $2 and $3 the place. The last part is for new webhooks: it
	// looks at what was appended by transactions beside that of their making.
	sqlSettled = `WITH w AS (SELECT number, made_in, made_from, made_from >> 48 << 48 AS era FROM alma_webhooks WHERE id = $1)
		SELECT a.xact, a.seq FROM alma_attempts AS a WHERE a.webhook = (SELECT number FROM w) AND (a.xact, a.seq) > ($2, $3)
		UNION
		SELECT x.xact, x.seq FROM alma_exceptions AS x WHERE x.webhook = (SELECT number FROM w) AND (x.xact, x.seq) > ($2, $3)
		UNION
		SELECT e.xact, e.seq FROM w JOIN alma_events AS e ON (e.xact, e.seq) > ($2, $3) AND e.xact >= w.made_from AND e.xact < w.era + pg_snapshot_xmax(w.made_in)::text::bigint
			WHERE pg_visible_in_snapshot((e.xact - w.era)::text::xid8, w.made_in)
		ORDER BY 1, 2`
)
