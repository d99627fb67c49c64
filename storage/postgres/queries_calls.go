package postgres

// Statements over alma_calls.
const (
	sqlOldCalls   = `DELETE FROM alma_calls WHERE at < now() - make_interval(secs => $1)`
	sqlClaimCall  = `INSERT INTO alma_calls (id, request) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlCall       = `SELECT request, answer FROM alma_calls WHERE id = $1`
	sqlFinishCall = `UPDATE alma_calls SET answer = $2 WHERE id = $1`
	sqlForgetCall = `DELETE FROM alma_calls WHERE id = $1`

	// The calls stay: they must not be made again.
	sqlForgetAnswers = `UPDATE alma_calls SET answer = NULL WHERE answer IS NOT NULL`
)
