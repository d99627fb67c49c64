package sqlite

// Statements over alma_calls.
const (
	sqlOldCalls   = `DELETE FROM alma_calls WHERE at < ?`
	sqlClaimCall  = `INSERT INTO alma_calls (id, request, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	sqlCall       = `SELECT request, answer FROM alma_calls WHERE id = ?`
	sqlFinishCall = `UPDATE alma_calls SET answer = ?2 WHERE id = ?1`
	sqlForgetCall = `DELETE FROM alma_calls WHERE id = ?`

	// The calls stay: they must not be made again.
	sqlForgetAnswers = `UPDATE alma_calls SET answer = NULL WHERE answer IS NOT NULL`
)
