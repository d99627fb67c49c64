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
	laneRecords = `SELECT w.id, l.shared, l.xact, l.seq, l.health, coalesce(p.n, 0)
		FROM alma_lanes AS l
		JOIN alma_webhooks AS w ON w.number = l.webhook
		LEFT JOIN (SELECT webhook, count(*) AS n FROM alma_exceptions WHERE status = 'PENDING' AND head_xact IS NULL GROUP BY webhook) AS p ON p.webhook = l.webhook
		WHERE w.deleted_at IS NULL AND (NOT l.shared OR l.health <> '' OR p.n > 0)`

	sqlLanes        = laneRecords + ` ORDER BY l.webhook`
	sqlLanesOfSlots = laneRecords + ` AND w.slot = ANY($1::smallint[]) ORDER BY l.webhook`
)
