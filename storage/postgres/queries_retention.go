package postgres

// Statements that remove what is old.
const (
	// One process prunes at a time.
	sqlTryPrune = `SELECT pg_try_advisory_lock(1634495841, 3)`
	sqlEndPrune = `SELECT pg_advisory_unlock(1634495841, 3)`

	// The partitions of a table that hold nothing from a day on, the oldest
	// first. Their names tell their days.
	sqlOldPartitions = `SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = $1::text::regclass AND c.relname LIKE $1 || '\_2%' AND c.relname < $1 || '_' || $2 ORDER BY c.relname`

	// Partitions of the log that readers no longer see, but whose ids and
	// deliveries are not all removed.
	sqlDetached = `SELECT c.relname::text, c.oid::bigint FROM pg_class AS c
		WHERE ` + ofOurs + ` AND c.relname LIKE 'alma\_gone\_2%' ORDER BY c.relname`

	// Up to where no webhook and no replay needs the log any more.
	sqlNeededFrom = `SELECT xact, seq FROM (
			SELECT xact, seq FROM alma_lanes WHERE NOT shared
			UNION ALL SELECT xact, seq FROM alma_replays WHERE finished_at IS NULL
			UNION ALL (SELECT at.xact, at.seq FROM (SELECT DISTINCT w.slot FROM alma_lanes AS l JOIN alma_webhooks AS w ON w.number = l.webhook WHERE l.shared) AS used
				CROSS JOIN LATERAL (` + slotOrWatermark + `used.slot` + slotOrWatermarkEnd + `) AS at)
			UNION ALL (SELECT w.xact, w.seq FROM alma_watermark AS w WHERE NOT EXISTS (SELECT 1 FROM alma_slots WHERE node IS NOT NULL OR (xact, seq) > (0, 0)))
		) AS place ORDER BY xact, seq LIMIT 1`

	// A slot's place or the watermark of a process without nodes, whichever is
	// further.
	slotOrWatermark    = `SELECT xact, seq FROM (` + slotPlace + ` WHERE s.slot = `
	slotOrWatermarkEnd = ` UNION ALL ` + sqlWatermark + `) AS place ORDER BY xact DESC, seq DESC LIMIT 1`

	// Whoever would make an event needed waits until the look is over, and the
	// partition gone or kept.
	sqlHoldExceptions = `LOCK TABLE alma_exceptions IN SHARE ROW EXCLUSIVE MODE`
	sqlHoldLog        = `LOCK TABLE ONLY alma_events IN ACCESS EXCLUSIVE MODE`

	// {partition} is filled in. $1 and $2 up to where nobody needs the log. The
	// pending exceptions that are looked at are those between its first place and
	// its last.
	sqlIsNeeded = `WITH first AS MATERIALIZED (SELECT xact, seq FROM {partition} ORDER BY xact, seq LIMIT 1),
			last AS MATERIALIZED (SELECT xact, seq FROM {partition} ORDER BY xact DESC, seq DESC LIMIT 1)
		SELECT coalesce((SELECT (xact, seq) > ($1, $2) FROM last), false)
		OR EXISTS (SELECT 1 FROM alma_exceptions AS x
			WHERE x.status = 'PENDING' AND (x.xact, x.seq) >= ((SELECT xact FROM first), (SELECT seq FROM first)) AND (x.xact, x.seq) <= ((SELECT xact FROM last), (SELECT seq FROM last))
				AND EXISTS (SELECT 1 FROM {partition} AS v WHERE v.xact = x.xact AND v.seq = x.seq))`

	// The same of what may have changed since: who shares a slot's place only
	// comes further.
	sqlOwnNeededFrom = `SELECT xact, seq FROM (
			SELECT xact, seq FROM alma_lanes WHERE NOT shared
			UNION ALL SELECT xact, seq FROM alma_replays WHERE finished_at IS NULL
		) AS place ORDER BY xact, seq LIMIT 1`

	sqlDetach = `ALTER TABLE alma_events DETACH PARTITION {partition}`
	sqlHide   = `ALTER TABLE {partition} RENAME TO {hidden}`
	sqlDrop   = `DROP TABLE {partition}`

	// The next events of a hidden partition, after $1 and $2.
	sqlHiddenEvents = `SELECT id, xact, seq FROM {partition} WHERE (xact, seq) > ($1, $2) ORDER BY xact, seq LIMIT $3`
	sqlForgetIDs    = `DELETE FROM alma_event_ids AS i USING unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(id, xact, seq) WHERE i.id = u.id AND i.xact = u.xact AND i.seq = u.seq`
	atPlaces        = ` USING unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) WHERE t.xact = u.xact AND t.seq = u.seq`
	sqlDropAttempts = `DELETE FROM alma_attempts AS t` + atPlaces
	sqlDropMessages = `DELETE FROM alma_messages AS t USING unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) JOIN alma_exceptions AS x ON x.xact = u.xact AND x.seq = u.seq
		WHERE t.webhook = x.webhook AND t.xact = x.xact AND t.seq = x.seq`
	sqlDropErased = `DELETE FROM alma_erased AS t` + atPlaces
	// The rest of a batch whose head goes has a head of its own from then on.
	sqlLeaveAt = `SELECT alma_leave_batches(array_agg(x.webhook), array_agg(x.xact), array_agg(x.seq))
		FROM unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) JOIN alma_exceptions AS x ON x.xact = u.xact AND x.seq = u.seq`
	sqlDropExceptions = `DELETE FROM alma_exceptions AS t` + atPlaces

	// The webhooks that have not come past all events of a partition of
	// attempts, with their places: they need those beyond.
	sqlBehind = `WITH places AS MATERIALIZED (
			SELECT t.slot, at.xact, at.seq FROM alma_slots AS t CROSS JOIN LATERAL (` + slotOrWatermark + `t.slot` + slotOrWatermarkEnd + `) AS at
		), last AS MATERIALIZED (
			SELECT xact, seq FROM {partition} ORDER BY xact DESC, seq DESC LIMIT 1
		), lanes AS (
			SELECT l.webhook, CASE WHEN l.shared THEN p.xact ELSE l.xact END AS xact, CASE WHEN l.shared THEN p.seq ELSE l.seq END AS seq
			FROM alma_lanes AS l JOIN alma_webhooks AS w ON w.number = l.webhook AND w.deleted_at IS NULL JOIN places AS p ON p.slot = w.slot
		)
		SELECT l.webhook, l.xact, l.seq FROM lanes AS l, last AS e WHERE (l.xact, l.seq) < (e.xact, e.seq) ORDER BY l.webhook`

	// Attempts of webhooks ($1) beyond their places ($2, $3), at most $4 of each,
	// are copied, without what was exchanged. It returns the webhooks that may
	// have more, with the last place. The limit keeps the planner from reading
	// the whole partition.
	sqlKeepAttempts = `WITH found AS MATERIALIZED (
			SELECT a.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS l(webhook, xact, seq) CROSS JOIN LATERAL (
				SELECT * FROM {partition} AS a WHERE a.webhook = l.webhook AND (a.xact, a.seq) > (l.xact, l.seq) ORDER BY a.webhook, a.xact, a.seq LIMIT $4
			) AS a
		), kept AS (
			INSERT INTO {rest} (` + attemptColumns + `)
			SELECT webhook, xact, seq, at, number, duration, status_code, reason, NULL, batch_id, replay_id, head_xact, head_seq, NULL FROM found ON CONFLICT DO NOTHING
		)
		SELECT webhook, (array_agg(xact ORDER BY xact DESC, seq DESC))[1], (array_agg(seq ORDER BY xact DESC, seq DESC))[1]
		FROM found GROUP BY webhook HAVING count(*) >= $4 ORDER BY webhook`

	// What is kept of a day is a table of its own, that takes the day's place.
	// That its rows are of that day is known, and needs no look.
	sqlMakeRest       = `CREATE TABLE IF NOT EXISTS {partition} (LIKE alma_attempts INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES, CHECK (at >= '{from}' AND at < '{to}'))`
	sqlHoldAttempts   = `LOCK TABLE ONLY alma_attempts IN ACCESS EXCLUSIVE MODE`
	sqlHasRows        = `SELECT EXISTS (SELECT 1 FROM {partition})`
	sqlDetachAttempts = `ALTER TABLE alma_attempts DETACH PARTITION {partition}`
	sqlAttachRest     = `ALTER TABLE alma_attempts ATTACH PARTITION {partition} FOR VALUES FROM ('{from}') TO ('{to}')`

	// Partitions that left the attempts and are to be dropped; those that hold
	// what is kept of a day before $1.
	ofOurs            = `c.` + inOurSchema + ` AND c.relkind = 'r'`
	sqlHiddenAttempts = `SELECT c.relname::text FROM pg_class AS c WHERE ` + ofOurs + ` AND c.relname LIKE 'alma\_gone\_attempts\_2%' ORDER BY c.relname LIMIT 1`
	sqlRests          = `SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'alma_attempts'::regclass AND c.relname LIKE 'alma\_rest\_2%' AND c.relname < 'alma_rest_' || $1 ORDER BY c.relname`

	// How many rows there are: exactly, or by the statistics where counting would
	// take long. A table that was never analyzed has none.
	sqlRowsAbout = `SELECT CASE WHEN pg_relation_size(c.oid) > 64 << 20 THEN c.reltuples::bigint ELSE (SELECT count(*) FROM {partition}) END
		FROM pg_class AS c WHERE ` + ofOurs + ` AND c.relname = $1`
	sqlAnalyze = `ANALYZE {partition}`

	// Those of the default partition, and those that were kept, go one by one.
	// $1 before, $2 limit.
	sqlDropStrayAttempts = `DELETE FROM {partition} AS t WHERE ctid = ANY(ARRAY(
			SELECT d.ctid FROM {partition} AS d WHERE d.at < $1 AND NOT EXISTS (
				SELECT 1 FROM alma_lanes AS l JOIN alma_webhooks AS w ON w.number = l.webhook AND w.deleted_at IS NULL
				CROSS JOIN LATERAL (` + slotOrWatermark + `w.slot` + slotOrWatermarkEnd + `) AS at
				WHERE l.webhook = d.webhook AND (d.xact, d.seq) > (CASE WHEN l.shared THEN at.xact ELSE l.xact END, CASE WHEN l.shared THEN at.seq ELSE l.seq END)
			) LIMIT $2))`

	// Events of the default partition that were appended before $1 and that
	// nobody needs, up to $2 and $3. Pending ones are needed.
	sqlStray = `SELECT v.xact, v.seq FROM alma_events_default AS v WHERE v.appended_at < $1 AND (v.xact, v.seq) <= ($2, $3)
		AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.status = 'PENDING' AND x.xact = v.xact AND x.seq = v.seq) ORDER BY v.xact, v.seq LIMIT $4`
	sqlMakeStray = `CREATE TABLE {partition} (LIKE alma_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`
	sqlHideStray = `WITH gone AS (
			DELETE FROM alma_events_default AS v USING unnest($1::bigint[], $2::bigint[]) AS u(xact, seq) WHERE v.xact = u.xact AND v.seq = u.seq AND (v.xact, v.seq) <= ($3, $4)
				AND NOT EXISTS (SELECT 1 FROM alma_exceptions AS x WHERE x.status = 'PENDING' AND x.xact = v.xact AND x.seq = v.seq) RETURNING v.*
		) INSERT INTO {partition} SELECT * FROM gone`

	// Finished deliveries of events appended before $1, whose places are known
	// to lie before $2 and $3, that no replay of their webhook needs. A batch
	// goes with its head: the others are hardly younger.
	sqlDropDeliveries = `WITH old AS (
			SELECT x.webhook, x.xact, x.seq FROM alma_exceptions AS x
			WHERE x.status = ANY('{FAILED,SUPPRESSED}') AND x.head_xact IS NULL AND (x.xact, x.seq) <= ($2, $3)
				AND NOT EXISTS (SELECT 1 FROM alma_events AS v WHERE v.xact = x.xact AND v.seq = x.seq AND v.appended_at >= $1)
				AND NOT EXISTS (SELECT 1 FROM alma_replays AS r WHERE r.webhook = x.webhook AND r.finished_at IS NULL
					AND (x.xact, x.seq) > (r.xact, r.seq) AND (x.xact, x.seq) <= (r.last_xact, r.last_seq))
			ORDER BY x.xact, x.seq LIMIT $4 FOR UPDATE SKIP LOCKED
		), gone AS (
			DELETE FROM alma_exceptions AS x USING old AS o
			WHERE x.webhook = o.webhook AND (x.xact = o.xact AND x.seq = o.seq OR x.head_xact = o.xact AND x.head_seq = o.seq) RETURNING x.webhook, x.xact, x.seq
		), messages AS (
			DELETE FROM alma_messages AS m USING old AS o WHERE m.webhook = o.webhook AND m.xact = o.xact AND m.seq = o.seq
		), attempts AS (
			DELETE FROM alma_attempts AS a USING gone AS g WHERE a.webhook = g.webhook AND a.xact = g.xact AND a.seq = g.seq
		)
		SELECT count(*), (SELECT count(*) FROM old) FROM gone`

	sqlDropReplays = `DELETE FROM alma_replays WHERE number IN (SELECT number FROM alma_replays WHERE finished_at < $1 LIMIT $2)`
)
