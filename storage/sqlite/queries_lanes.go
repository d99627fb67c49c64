package sqlite

// Statements over alma_lanes and alma_watermark.
const (
	sqlSetLane = `INSERT INTO alma_lanes (webhook, shared, cursor, health) VALUES (?, ?, ?, ?)
		ON CONFLICT (webhook) DO UPDATE SET shared = excluded.shared, cursor = excluded.cursor, health = excluded.health`
	sqlDeleteLane = `DELETE FROM alma_lanes WHERE webhook = ?`

	sqlSetWatermark = `UPDATE alma_watermark SET seq = max(seq, ?) WHERE id = 1`
	sqlWatermark    = `SELECT seq FROM alma_watermark WHERE id = 1`

	// A batch counts once: its members but the first have a head.
	sqlLanes = `SELECT w.id, l.shared, l.cursor, l.health, coalesce(p.n, 0), coalesce(r.n, 0)
		FROM alma_lanes AS l
		JOIN alma_webhooks AS w ON w.number = l.webhook
		LEFT JOIN (SELECT webhook, count(*) AS n FROM alma_exceptions WHERE status = 'PENDING' AND head IS NULL GROUP BY webhook) AS p ON p.webhook = l.webhook
		LEFT JOIN (SELECT webhook, count(*) AS n FROM alma_replays WHERE finished_at = 0 GROUP BY webhook) AS r ON r.webhook = l.webhook
		WHERE w.deleted_at IS NULL AND (NOT l.shared OR l.health <> '' OR p.n > 0 OR r.n > 0)
		ORDER BY l.webhook`

	// Those of some webhooks, by number; one that shares is at the watermark.
	sqlLanesOf = `SELECT w.id, l.shared, iif(l.shared, (SELECT seq FROM alma_watermark WHERE id = 1), l.cursor), l.health,
			(SELECT count(*) FROM alma_exceptions AS e INDEXED BY alma_exceptions_pending WHERE e.webhook = l.webhook AND e.status = 'PENDING' AND e.head IS NULL),
			(SELECT count(*) FROM alma_replays AS r WHERE r.webhook = l.webhook AND r.finished_at = 0)
		FROM json_each(?) AS x
		JOIN alma_lanes AS l ON l.webhook = x.value
		JOIN alma_webhooks AS w ON w.number = l.webhook
		WHERE w.deleted_at IS NULL`
)
