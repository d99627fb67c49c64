package postgres

// Statements around the store as a whole.
const (
	// One lock for what nodes must not do at once: migrating, raising the era,
	// making partitions. The numbers are "alma" and a purpose.
	sqlLockSchema     = `SELECT pg_advisory_xact_lock(1634495841, 1)`
	sqlLockMembership = `SELECT pg_advisory_xact_lock(1634495841, 2)`

	// Who waits for a table alone makes everybody wait who comes after.
	sqlSoonLocks = `SELECT set_config('lock_timeout', '500', true)`

	// A worker of autovacuum gives way to whoever has waited for it for
	// deadlock_timeout, and not sooner.
	sqlVacuumLocks = `SELECT set_config('lock_timeout', (setting::int + 500)::text, true) FROM pg_settings WHERE name = 'deadlock_timeout'`
	// Whoever changes the schema holds it until the commit.
	sqlSchemaLocks = `SELECT set_config('lock_timeout', '2000', true)`

	// Who keeps a process, $1, from going on, and which table that is about.
	// What the user may not see of others is NULL, but for who they are: the
	// server's own workers are nobody.
	sqlLockHolders = `SELECT b.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, ''), coalesce(a.state, ''),
			coalesce(left(a.query, 500), ''),
			coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8, a.pid IS NOT NULL AND a.usesysid IS NULL,
			coalesce((SELECT relation::regclass::text FROM pg_locks WHERE pid = $1 AND NOT granted LIMIT 1), '')
		FROM unnest(pg_blocking_pids($1::int)) AS b(pid) LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid ORDER BY b.pid`

	sqlSchemaExists    = `SELECT to_regclass('alma_schema') IS NOT NULL`
	sqlMakeSchemaTable = `CREATE TABLE IF NOT EXISTS alma_schema (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`
	sqlSchemaVersion   = `SELECT coalesce(max(version), 0) FROM alma_schema`
	sqlNoteMigration   = `INSERT INTO alma_schema (version) VALUES ($1)`

	// What Open has to know of the server before it does anything.
	sqlServer = `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', current_setting('server_encoding'),
		coalesce(current_schema(), ''), current_user::text, current_database()::text`

	// The schema that holds our tables, and a number that tells them from
	// those of other schemas of the same database.
	sqlOurs = `SELECT n.nspname::text, c.oid::bigint FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = 'alma_events'::regclass`

	// Whether every table can be read and written.
	sqlMissingRights = `SELECT coalesce(string_agg(c.relname, ', ' ORDER BY c.relname), '') FROM pg_class AS c
		WHERE c.` + inOurSchema + ` AND c.relname LIKE 'alma\_%' AND c.relkind IN ('r', 'p')
			AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))`

	sqlSize = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c
		WHERE c.` + inOurSchema + ` AND c.relname LIKE 'alma\_%' AND c.relkind = 'r'`
)
