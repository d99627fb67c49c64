package postgres

// Statements around the store as a whole.
const (
	// One lock for what nodes must not do at once: migrating, raising the era,
	// making partitions. The numbers are "alma" and a purpose.
	sqlLockSchema     = `SELECT pg_advisory_xact_lock(1634495841, 1)`
	sqlLockMembership = `SELECT pg_advisory_xact_lock(1634495841, 2)`

	// Who waits for a table alone makes everybody wait who comes after.
	sqlSoonLocks = `SELECT set_config('lock_timeout', '500', true)`

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
