package postgres

// Statements that count failed deliveries.
const (
	// The webhooks that have exceptions, the last one first: $1 up to this number,
	// $2 how many. It jumps from one to the next, over the rows of each.
	sqlExceptionalWebhooks = `WITH RECURSIVE w(number) AS (
			SELECT max(webhook) FROM alma_exceptions WHERE webhook <= $1
			UNION ALL SELECT (SELECT max(webhook) FROM alma_exceptions WHERE webhook < w.number) FROM w WHERE w.number IS NOT NULL
		) SELECT number FROM w WHERE number IS NOT NULL LIMIT $2`

	// The failed deliveries of the webhooks $1 by reason: from the place of $2 and
	// $3 to before that of $4 and $5, of each webhook the newest $6; project $7 and
	// reason $8 (” = all), appended from $9 to $10. Those that do not match are
	// counted under NULL. The reason of a batch stands with its head.
	sqlFailedGroups = `SELECT u.webhook, g.reason, g.count, g.oldest, g.newest
		FROM unnest($1::bigint[]) AS u(webhook) CROSS JOIN LATERAL (
			SELECT CASE WHEN m.match THEN m.reason END AS reason, count(*) AS count, min(m.place) AS oldest, max(m.place) AS newest FROM (
				SELECT f.reason, ARRAY[f.xact, f.seq] AS place, ($8 = '' OR f.reason = $8)
					AND ($7 = '' AND $9::timestamptz IS NULL AND $10::timestamptz IS NULL OR EXISTS (
						SELECT 1 FROM alma_events AS v WHERE v.xact = f.xact AND v.seq = f.seq AND ($7 = '' OR v.project_id = $7)
							AND ($9::timestamptz IS NULL OR v.appended_at >= $9) AND ($10::timestamptz IS NULL OR v.appended_at < $10))) AS match
				FROM (
					SELECT x.xact, x.seq, coalesce(h.last_reason, x.last_reason) AS reason FROM (
						SELECT webhook, xact, seq, head_xact, head_seq, last_reason FROM alma_exceptions
						WHERE webhook = u.webhook AND (xact, seq) >= ($2, $3) AND (xact, seq) < ($4, $5) AND status = 'FAILED'
						ORDER BY xact DESC, seq DESC LIMIT $6
					) AS x LEFT JOIN alma_exceptions AS h ON h.webhook = x.webhook AND h.xact = x.head_xact AND h.seq = x.head_seq
				) AS f
			) AS m GROUP BY 1
		) AS g ORDER BY u.webhook DESC, g.reason COLLATE "C"`
)
