package postgres

// Statements that make days.
const (
	sqlToday = `SELECT clock_timestamp()`

	// Looked up in the catalogue itself: to_regclass may answer from a cache
	// that waiting for a lock does not renew.
	sqlPartitionExists = `SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = ANY($1::text[]) AND ` + inOurSchema + `)`
	inOurSchema        = `relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'alma_events'::regclass)`

	// Of lists of names, which places hold none that is there.
	sqlMissingDays = `SELECT n::int FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u(a, b, c, n)
		WHERE NOT EXISTS (SELECT 1 FROM pg_class WHERE relname IN (a, b, c) AND ` + inOurSchema + `) ORDER BY n`

	// These are of a day of a table.
	sqlHoldTable = `LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE`
	ofDayThere   = `{column} >= '{from}' AND {column} < '{to}'`
	// Whether more than $1 rows stand in the default partition.
	sqlManyOfDay = `SELECT count(*) > $1 FROM (SELECT FROM {default} WHERE ` + ofDayThere + ` LIMIT $1 + 1) AS found`
	sqlMakeDay   = `CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`
	sqlMoveDay   = `WITH moved AS (DELETE FROM {default} WHERE ` + ofDayThere + ` RETURNING *) INSERT INTO {partition} SELECT * FROM moved`
	sqlAttachDay = `ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ('{from}') TO ('{to}')`
)
