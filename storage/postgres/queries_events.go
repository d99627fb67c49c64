package postgres

// Statements over alma_events and alma_event_ids.
const (
	eventColumns = `xact, seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data, job_id, job_records, envelope, trace`

	// What a read returns.
	eventRow = eventColumns + `, erased`

	// Takes events in the order of the append from "input". Their ids are
	// claimed in an order that all share, so that two appends of the same ids
	// wait for one another instead of blocking each other. What is claimed
	// already is left out, of the log and of the answer.
	//
	// {schema} is filled in: a host's connection may have another search path.
	// $1 is what the time of the append must not lie before.
	insertEvents = `, stamp AS MATERIALIZED (
			SELECT (era << 48) + pg_current_xact_id()::text::bigint AS xact, greatest(clock_timestamp(), $1::timestamptz) AS at FROM {schema}.alma_era
		), fresh AS (
			INSERT INTO {schema}.alma_event_ids (id, xact, seq, appended_at)
			SELECT i.id, s.xact, i.seq, s.at FROM input AS i CROSS JOIN stamp AS s ORDER BY i.id
			ON CONFLICT (id) DO NOTHING RETURNING id, xact, seq, appended_at
		), stored AS (
			INSERT INTO {schema}.alma_events (` + eventColumns + `)
			SELECT s.xact, i.seq, i.id, i.type, i.memory_id, i.memory_type, i.agent, i.project_id, i.sec, i.nsec, s.at, i.data,
				nullif(i.job_id, ''), CASE WHEN i.job_id <> '' THEN i.job_records END, nullif(i.envelope, ''), nullif(i.trace, '')
			FROM input AS i CROSS JOIN stamp AS s WHERE i.seq IN (SELECT seq FROM fresh)
		)
		SELECT id, xact, seq, appended_at FROM fresh`

	// The events as arrays, in binary form.
	sqlInsertEvents = `WITH input AS MATERIALIZED (
			SELECT t.*, nextval('{schema}.alma_events_seq') AS seq
			FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::int[], $10::text[], $11::text[], $12::bigint[], $13::text[], $14::text[])
				WITH ORDINALITY AS t(id, type, memory_id, memory_type, agent, project_id, sec, nsec, data, job_id, job_records, envelope, trace, ord)
		)` + insertEvents

	// The events as one JSON text, for drivers that know no arrays.
	sqlInsertEventsJSON = `WITH input AS MATERIALIZED (
			SELECT e ->> 0 AS id, e ->> 1 AS type, e ->> 2 AS memory_id, e ->> 3 AS memory_type, e ->> 4 AS agent, e ->> 5 AS project_id,
				(e ->> 6)::bigint AS sec, (e ->> 7)::int AS nsec, e ->> 8 AS data, e ->> 9 AS job_id, (e ->> 10)::bigint AS job_records, e ->> 11 AS envelope, e ->> 12 AS trace,
				ord, nextval('{schema}.alma_events_seq') AS seq
			FROM json_array_elements($2::json) WITH ORDINALITY AS t(e, ord)
		)` + insertEvents

	sqlEventPlaces = `SELECT id, xact, seq, appended_at FROM {schema}.alma_event_ids WHERE id = ANY($1::text[])`
	// The same with a JSON list.
	sqlEventPlacesJSON = `SELECT id, xact, seq, appended_at FROM {schema}.alma_event_ids WHERE id IN (SELECT json_array_elements_text($1::json))`

	// Reads on from a place: $1 and $2, at most $3 events and about $4 bytes.
	// The length of a text is known without unpacking it.
	sqlReadLog = `SELECT ` + eventRow + ` FROM (
			SELECT *, sum(octet_length(data)) OVER (ORDER BY xact, seq ROWS UNBOUNDED PRECEDING) - octet_length(data) AS before FROM (
				SELECT * FROM alma_events WHERE (xact, seq) > ($1, $2) AND xact < ` + beyond + ` ORDER BY xact, seq LIMIT $3
			) AS e
		) AS e WHERE before < $4 ORDER BY xact, seq`

	// Filters that select all when empty.
	eventFilters = ` AND ($3 = '' OR type = $3) AND ($4 = '' OR memory_type = $4) AND ($5 = '' OR agent = $5) AND ($6 = '' OR project_id = $6) AND ($7 = '' OR memory_id = $7)
		AND ($8::timestamptz IS NULL OR appended_at >= $8) AND ($9::timestamptz IS NULL OR appended_at < $9)`
	eventOrder = ` ORDER BY xact DESC, seq DESC LIMIT $10`

	sqlFindEvents         = `SELECT ` + eventRow + ` FROM alma_events WHERE (xact, seq) < ($1, $2)` + eventFilters + eventOrder
	sqlFindEventsByMemory = `SELECT ` + eventRow + ` FROM alma_events WHERE memory_id = $7 AND (xact, seq) < ($1, $2)` + eventFilters + eventOrder
	sqlFindEventsByID     = `SELECT ` + eventRow + ` FROM alma_events WHERE (appended_at, xact, seq) IN (
			SELECT appended_at, xact, seq FROM alma_event_ids WHERE id = ANY($11::text[])
		) AND (xact, seq) < ($1, $2)` + eventFilters + eventOrder
)
