package postgres

// Statements over alma_nodes and alma_slots. All times are the server's.
//
// Locks are taken in one order: who changes sessions or owners first takes the
// lock of the membership, then rows of nodes, then those of slots. A settlement
// holds its node's row until it commits, so it has happened before its session
// is ended, or it is refused.
const (
	// A lease that could not be renewed while the server was down counts from
	// its start.
	expired = `clock_timestamp() > greatest(n.expires_at, pg_postmaster_start_time() + n.lease)`

	sqlHoldNode     = `SELECT alma_hold_node($1, $2, $3)`
	sqlSettleOnce   = `SELECT alma_settle_once($1, $2)`
	sqlJoinSlots    = `UPDATE alma_slots SET joined = true WHERE slot = ANY($2::smallint[]) AND node = $1`
	sqlHoldRevision = `SELECT FROM alma_revision FOR UPDATE`

	// Dead sessions that own nothing do not pile up.
	sqlEndIdle    = `UPDATE alma_nodes AS n SET ended_at = clock_timestamp() WHERE n.ended_at IS NULL AND ` + expired + ` AND NOT EXISTS (SELECT 1 FROM alma_slots AS s WHERE s.node = n.id)`
	sqlForgetOld  = `DELETE FROM alma_nodes AS n WHERE n.ended_at < clock_timestamp() - interval '1 day' AND NOT EXISTS (SELECT 1 FROM alma_slots AS s WHERE s.node = n.id)`
	sqlInsertNode = `INSERT INTO alma_nodes (id, name, lease, expires_at, joined_at)
		SELECT $1, $2, $3::interval, now + $3::interval, now FROM (SELECT clock_timestamp() AS now) AS t RETURNING (SELECT revision FROM alma_revision)`

	sqlRenewNode = `UPDATE alma_nodes SET expires_at = clock_timestamp() + lease WHERE id = $1 AND ended_at IS NULL`
	sqlNodes     = `SELECT n.id, n.name, n.joined_at, ` + expired + ` FROM alma_nodes AS n WHERE n.ended_at IS NULL ORDER BY n.joined_at, n.id`
	sqlOwners    = `SELECT node, array_agg(slot) FROM alma_slots WHERE node IS NOT NULL GROUP BY node`

	// The session must go on until the commit.
	sqlKeepNode = `SELECT FROM alma_nodes WHERE id = $1 AND ended_at IS NULL FOR UPDATE`

	// Ends the sessions of owners whose lease has run out. Whoever settles for
	// one is waited for; who renewed meanwhile is spared.
	sqlFenceOwners = `UPDATE alma_nodes AS n SET ended_at = clock_timestamp()
		WHERE n.id IN (SELECT s.node FROM alma_slots AS s WHERE s.slot = ANY($2::smallint[]) AND s.node <> $1) AND n.ended_at IS NULL AND ` + expired + ` RETURNING n.id`
	sqlEndNode = `UPDATE alma_nodes SET ended_at = clock_timestamp() WHERE id = $1 AND ended_at IS NULL`

	// Slots of nodes become free. Those that had joined keep the watermark as
	// their place. $1 nodes, $2 slots (NULL = all).
	sqlFreeSlots = `UPDATE alma_slots AS s SET node = NULL, joined = false,
			xact = CASE WHEN s.joined AND (n.xact, n.seq) > (s.xact, s.seq) THEN n.xact ELSE s.xact END,
			seq  = CASE WHEN s.joined AND (n.xact, n.seq) > (s.xact, s.seq) THEN n.seq ELSE s.seq END
		FROM alma_nodes AS n WHERE s.node = n.id AND n.id = ANY($1::text[]) AND ($2::smallint[] IS NULL OR s.slot = ANY($2))`

	// A process that shared the lanes with no other may have served beyond a
	// slot's place.
	sqlTakeSlots = `UPDATE alma_slots AS s SET node = $1, joined = false,
			xact = CASE WHEN (w.xact, w.seq) > (s.xact, s.seq) THEN w.xact ELSE s.xact END,
			seq  = CASE WHEN (w.xact, w.seq) > (s.xact, s.seq) THEN w.seq ELSE s.seq END
		FROM alma_watermark AS w WHERE s.slot = ANY($2::smallint[]) AND s.node IS NULL`

	// Where a slot is: at its owner's watermark, once it has joined.
	slotPlace = `SELECT CASE WHEN s.joined AND (n.xact, n.seq) > (s.xact, s.seq) THEN n.xact ELSE s.xact END AS xact,
			CASE WHEN s.joined AND (n.xact, n.seq) > (s.xact, s.seq) THEN n.seq ELSE s.seq END AS seq
		FROM alma_slots AS s LEFT JOIN alma_nodes AS n ON n.id = s.node`
	sqlSlotPlaces = `SELECT t.slot, p.xact, p.seq FROM alma_slots AS t CROSS JOIN LATERAL (` + slotPlace + ` WHERE s.slot = t.slot) AS p
		WHERE t.node = $1 AND t.slot = ANY($2::smallint[]) ORDER BY t.slot`

	sqlWebhooksOfSlots = `SELECT ` + webhookColumns + ` FROM alma_webhooks AS w WHERE w.slot = ANY($1::smallint[]) AND w.deleted_at IS NULL ORDER BY w.number`

	sqlWebhookChanges = `SELECT ` + webhookColumns + `, w.revision, w.deleted_at IS NOT NULL FROM alma_webhooks AS w WHERE w.revision > $1 ORDER BY w.revision`
	sqlTouchWebhook   = nextRevision + `UPDATE alma_webhooks AS w SET revision = next.revision FROM next WHERE w.id = $1 AND w.deleted_at IS NULL`

	// The exception that a delivery belongs to.
	sqlHoldDelivery = `SELECT e.webhook, e.xact, e.seq, e.status, e.in_flight
		FROM alma_webhooks AS w
		JOIN alma_exceptions AS x ON x.webhook = w.number AND x.xact = $2 AND x.seq = $3
		JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq)
		WHERE w.id = $1 FOR UPDATE OF e`
	sqlHurryDelivery = `UPDATE alma_exceptions SET next_attempt_at = clock_timestamp() WHERE webhook = $1 AND xact = $2 AND seq = $3`
)
