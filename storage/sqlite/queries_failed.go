package sqlite

// Statements that count failed deliveries.
const (
	// The webhooks that have exceptions, the last one first: ?1 up to this number,
	// ?2 how many. It jumps from one to the next, over the rows of each.
	sqlExceptionalWebhooks = `WITH RECURSIVE jump(number) AS (
			SELECT max(webhook) FROM alma_exceptions WHERE webhook <= ?1
			UNION ALL SELECT (SELECT max(webhook) FROM alma_exceptions WHERE webhook < jump.number) FROM jump WHERE jump.number IS NOT NULL
		) SELECT number FROM jump WHERE number IS NOT NULL LIMIT ?2`

	// The failed deliveries of the webhook ?1 by reason: of the stretch from ?2 to
	// before ?3 the newest ?4; project ?5 and reason ?6 (” = all). Those that do not
	// match are counted under NULL. The reason of a batch stands with its head.
	sqlFailedGroups = `SELECT CASE WHEN m.match THEN m.reason END, count(*), min(m.seq), max(m.seq) FROM (
			SELECT f.seq, f.reason, (?6 = '' OR f.reason = ?6)
				AND (?5 = '' OR EXISTS (SELECT 1 FROM alma_events AS v WHERE v.seq = f.seq AND v.project_id = ?5)) AS match
			FROM (
				SELECT c.seq, coalesce(h.last_reason, c.last_reason) AS reason FROM (
					SELECT webhook, seq, head, last_reason FROM alma_exceptions
					WHERE webhook = ?1 AND seq >= ?2 AND seq < ?3 AND +status = 'FAILED' ORDER BY seq DESC LIMIT ?4
				) AS c LEFT JOIN alma_exceptions AS h ON h.webhook = c.webhook AND h.seq = c.head
			) AS f
		) AS m GROUP BY 1 ORDER BY 1`
)
