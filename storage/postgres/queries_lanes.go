package postgres

// Statements over alma_lanes and alma_watermark.
const (
	sqlSetLanes = `INSERT INTO alma_lanes (webhook, shared, xact, seq, health)
		SELECT w.number, u.shared, u.xact, u.seq, u.health
		FROM unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[], $5::text[]) AS u(id, shared, xact, seq, health)
		JOIN alma_webhooks AS w ON w.id = u.id AND w.deleted_at IS NULL
		ON CONFLICT (webhook) DO UPDATE SET shared = excluded.shared, xact = excluded.xact, seq = excluded.seq, health = excluded.health`
	sqlDeleteLane = `DELETE FROM alma_lanes WHERE webhook = $1`

	sqlSetWatermark = `UPDATE alma_watermark SET xact = $1, seq = $2 WHERE (xact, seq) < ($1, $2)`
	sqlWatermark    = `SELECT xact, seq FROM alma_watermark`

	// A batch counts once: its members but the first have a head.
	countWaiting = `(SELECT count(*) FROM alma_exceptions AS x WHERE x.webhook = l.webhook AND x.status = 'PENDING' AND x.head_xact IS NULL)`
	countReplays = `(SELECT count(*) FROM alma_replays AS r WHERE r.webhook = l.webhook AND r.finished_at IS NULL)`

	// Lanes about which there is something to remember.
	laneRecords = `SELECT w.id, l.shared, l.xact, l.seq, l.health, coalesce(p.n, 0), coalesce(r.n, 0)
		FROM alma_lanes AS l
		JOIN alma_webhooks AS w ON w.number = l.webhook
		LEFT JOIN (SELECT webhook, count(*) AS n FROM alma_exceptions WHERE status = 'PENDING' AND head_xact IS NULL GROUP BY webhook) AS p ON p.webhook = l.webhook
		LEFT JOIN (SELECT webhook, count(*) AS n FROM alma_replays WHERE finished_at IS NULL GROUP BY webhook) AS r ON r.webhook = l.webhook
		WHERE w.deleted_at IS NULL AND (NOT l.shared OR l.health <> '' OR p.n > 0 OR r.n > 0)`

	sqlLanes = laneRecords + ` ORDER BY l.webhook`

	// Those of some webhooks. One that shares follows its slot's place; without
	// nodes that is the watermark.
	sqlLanesOf = `SELECT w.id, l.shared, CASE WHEN l.shared THEN at.xact ELSE l.xact END, CASE WHEN l.shared THEN at.seq ELSE l.seq END, l.health, ` + countWaiting + `, ` + countReplays + `
		FROM alma_webhooks AS w
		JOIN alma_lanes AS l ON l.webhook = w.number
		CROSS JOIN LATERAL (SELECT xact, seq FROM (` + slotPlace + ` WHERE s.slot = w.slot UNION ALL ` + sqlWatermark + `) AS place ORDER BY xact DESC, seq DESC LIMIT 1) AS at
		WHERE w.id = ANY($1::text[]) AND w.deleted_at IS NULL`

	sqlLanesOfSlots = `SELECT w.id, l.shared, l.xact, l.seq, l.health, c.waiting, c.replays
		FROM alma_webhooks AS w
		JOIN alma_lanes AS l ON l.webhook = w.number
		CROSS JOIN LATERAL (SELECT ` + countWaiting + ` AS waiting, ` + countReplays + ` AS replays) AS c
		WHERE w.slot = ANY($1::smallint[]) AND w.deleted_at IS NULL AND (NOT l.shared OR l.health <> '' OR c.waiting > 0 OR c.replays > 0)
		ORDER BY w.number`
)
