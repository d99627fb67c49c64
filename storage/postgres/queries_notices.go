package postgres

// Statements over alma_notices and alma_notice_queue.
const (
	sqlInsertNotices = `INSERT INTO alma_notices (webhook, xact, seq)
		SELECT w.number, u.xact, u.seq FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(id, xact, seq)
		JOIN alma_webhooks AS w ON w.id = u.id AND w.deleted_at IS NULL`
	// A queue row stays when its notices were told: whoever stores the next
	// notice at that moment relies on it. In order, so that two do not wait for
	// one another.
	sqlQueueNotices = `INSERT INTO alma_notice_queue (webhook, until)
		SELECT number, '-infinity' FROM alma_webhooks WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY number
		ON CONFLICT (webhook) DO NOTHING`

	sqlHoldNotices = `UPDATE alma_notice_queue SET until = now() + $1::interval WHERE webhook = (
			SELECT q.webhook FROM alma_notice_queue AS q
			WHERE q.until <= now() AND EXISTS (SELECT FROM alma_notices AS n WHERE n.webhook = q.webhook)
			ORDER BY q.until LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING webhook, (SELECT id FROM alma_webhooks AS w WHERE w.number = webhook)`
	sqlClaimNotices = `UPDATE alma_notices SET claimed = true WHERE webhook = $1 AND NOT claimed`
	sqlNotices      = `SELECT id, xact, seq, at FROM alma_notices WHERE webhook = $1 AND claimed ORDER BY id LIMIT $2`
	sqlNoticesSum   = `SELECT count(*), coalesce(max(id), 0) FROM alma_notices WHERE webhook = $1 AND claimed`

	sqlNoticesTold = `DELETE FROM alma_notices AS n USING alma_webhooks AS w WHERE w.id = $1 AND n.webhook = w.number AND n.claimed AND n.id <= $2`
	sqlQuietNotice = `UPDATE alma_notice_queue AS q SET until = now() + $2::interval FROM alma_webhooks AS w WHERE w.id = $1 AND q.webhook = w.number`

	sqlDeleteNotices = `DELETE FROM alma_notices WHERE webhook = $1`
	sqlUnqueue       = `DELETE FROM alma_notice_queue WHERE webhook = $1`
	sqlNoticesQueued = `SELECT count(*) FROM alma_notices`
)
