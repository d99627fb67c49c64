package postgres

// Statements over alma_calls.
const (
	sqlOldCalls   = `DELETE FROM alma_calls WHERE at < now() - make_interval(secs => $1)`
	sqlClaimCall  = `INSERT INTO alma_calls (id, request) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlCall       = `SELECT request, answer FROM alma_calls WHERE id = $1`
	sqlFinishCall = `UPDATE alma_calls SET answer = $2 WHERE id = $1`
	sqlForgetCall = `DELETE FROM alma_calls WHERE id = $1`

	// The calls stay: they must not be made again. The next $2 with an answer
	// after $1; it returns how many these were, and the last.
	sqlForgetAnswers = `WITH next AS (
			SELECT id FROM alma_calls WHERE id > $1 AND answer IS NOT NULL ORDER BY id LIMIT $2
		), forgotten AS (
			UPDATE alma_calls AS c SET answer = NULL FROM next AS n WHERE c.id = n.id
		)
		SELECT count(*), coalesce(max(id), '') FROM next`
)
