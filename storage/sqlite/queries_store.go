package sqlite

// Statements around transactions and the store as a whole.
const (
	sqlSavepoint  = `SAVEPOINT alma_job`
	sqlRollbackTo = `ROLLBACK TO alma_job`
	sqlRelease    = `RELEASE alma_job`

	// Takes the write lock and changes nothing.
	sqlTakeWriteLock = `UPDATE alma_watermark SET seq = seq WHERE 0`

	sqlCheckpoint = `PRAGMA wal_checkpoint(TRUNCATE)`
	sqlSize       = `SELECT page_count * page_size, freelist_count * page_size FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count()`
)
