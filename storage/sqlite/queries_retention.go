package sqlite

// Statements that remove what is old. Lists of positions are JSON.
const (
	// Up to where no webhook and no replay needs the log any more.
	sqlNeededFrom = `SELECT min((SELECT seq FROM alma_watermark WHERE id = 1),
		coalesce((SELECT min(cursor) FROM alma_lanes WHERE NOT shared), 9223372036854775807),
		coalesce((SELECT min(cursor) FROM alma_replays WHERE finished_at = 0), 9223372036854775807))`

	// The oldest events, up to a position, that no pending delivery needs.
	sqlOldEvents = `SELECT seq FROM alma_events AS v WHERE seq <= ?
		AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x INDEXED BY alma_exceptions_seq WHERE x.seq = v.seq AND x.status = 'PENDING')
		ORDER BY seq LIMIT ?`
	sqlDeleteEvents = `DELETE FROM alma_events WHERE seq IN (SELECT value FROM json_each(?))`

	// Attempts in the order of their events, and whether each may go: ?1 began
	// before, ?2 and ?3 the place to go on after (seq, webhook), ?4 up to this
	// seq, ?5 limit. A webhook that has not come past the event needs it.
	sqlOldAttempts = `SELECT a.seq, a.webhook, a.number, a.at, a.at < ?1 AND
			(l.webhook IS NULL OR a.seq <= CASE WHEN l.shared THEN (SELECT seq FROM alma_watermark WHERE id = 1) ELSE l.cursor END)
		FROM alma_attempts AS a INDEXED BY alma_attempts_seq LEFT JOIN alma_lanes AS l ON l.webhook = a.webhook
		WHERE a.seq >= ?2 AND a.seq <= ?4 AND (a.seq, a.webhook) > (?2, ?3) ORDER BY a.seq, a.webhook LIMIT ?5`
	// ?1 is a list of [webhook, seq, at, number].
	sqlDeleteAttempts = `DELETE FROM alma_attempts WHERE (webhook, seq, at, number) IN (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1))`
	// The attempts of events, at most ?2.
	sqlDeleteAttemptsOf = `DELETE FROM alma_attempts WHERE (webhook, seq, at, number) IN
		(SELECT webhook, seq, at, number FROM alma_attempts INDEXED BY alma_attempts_seq WHERE seq IN (SELECT value FROM json_each(?1)) LIMIT ?2)`

	// Finished deliveries up to a position, that no replay of their webhook
	// needs: ?1 status, ?2 position, ?3 limit.
	sqlOldDeliveries = `SELECT x.webhook, x.seq FROM alma_exceptions AS x INDEXED BY alma_exceptions_status
		WHERE x.status = ?1 AND x.seq <= ?2
			AND NOT EXISTS (SELECT 1 FROM alma_replays AS r WHERE r.webhook = x.webhook AND r.finished_at = 0 AND r.cursor < x.seq AND x.seq <= r.last)
		ORDER BY x.seq LIMIT ?3`
	// The finished deliveries of events.
	sqlDeliveriesOf = `SELECT webhook, seq FROM alma_exceptions INDEXED BY alma_exceptions_seq WHERE seq IN (SELECT value FROM json_each(?1)) AND status <> 'PENDING' LIMIT ?2`

	// The members of the batches among deliveries; ?1 is a list of [webhook, seq].
	sqlMembersOf = `SELECT x.webhook, m.value FROM json_each(?1) AS k
		JOIN alma_exceptions AS x ON x.webhook = k.value ->> 0 AND x.seq = k.value ->> 1
		JOIN json_each(x.members) AS m WHERE x.members <> ''`
	theseDeliveries        = ` WHERE (webhook, seq) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))`
	sqlDeleteMessagesOf    = `DELETE FROM alma_messages` + theseDeliveries
	sqlDeleteDeliveryTries = `DELETE FROM alma_attempts` + theseDeliveries
	sqlDeleteDeliveries    = `DELETE FROM alma_exceptions` + theseDeliveries

	sqlDeleteReplays = `DELETE FROM alma_replays WHERE number IN (SELECT number FROM alma_replays WHERE finished_at > 0 AND finished_at < ?1 LIMIT ?2)`

	// Gives free pages back to the file system; a row for each.
	sqlIncrementalVacuum = `PRAGMA incremental_vacuum(1000)`
	sqlFreePages         = `SELECT freelist_count, auto_vacuum FROM pragma_freelist_count(), pragma_auto_vacuum()`
)
