package sqlite

// Statements over alma_notices and alma_notice_queue.
const (
	sqlInsertNotice = `INSERT INTO alma_notices (webhook, seq, at) VALUES (?, ?, ?)`
	sqlQueueNotices = `INSERT INTO alma_notice_queue (webhook, until) VALUES (?, 0) ON CONFLICT (webhook) DO NOTHING`

	sqlNoticesDue = `SELECT q.webhook, w.id FROM alma_notice_queue AS q JOIN alma_webhooks AS w ON w.number = q.webhook
		WHERE q.until <= ? ORDER BY q.until LIMIT 1`
	sqlHoldNotices = `UPDATE alma_notice_queue SET until = ? WHERE webhook = ?`
	sqlNotices     = `SELECT id, seq, at FROM alma_notices WHERE webhook = ? ORDER BY id LIMIT ?`
	sqlNoticesSum  = `SELECT count(*), coalesce(max(id), 0) FROM alma_notices WHERE webhook = ?`

	sqlNoticesTold   = `DELETE FROM alma_notices WHERE webhook = ? AND id <= ?`
	sqlDeleteNotices = `DELETE FROM alma_notices WHERE webhook = ?`
	sqlUnqueue       = `DELETE FROM alma_notice_queue WHERE webhook = ?`
	sqlNoticesQueued = `SELECT count(*) FROM alma_notices`
)
