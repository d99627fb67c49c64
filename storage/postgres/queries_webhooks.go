package postgres

// Statements over alma_webhooks and alma_revision.
const (
	webhookColumns = `w.id, w.version, w.config, w.secret, w.traits, w.state, w.state_reason, w.created_at, w.updated_at, w.secret_set_at`

	// Whoever changes a webhook takes the next revision and holds the counter
	// until the commit; this stands before a statement that uses it.
	nextRevision = `WITH next AS (UPDATE alma_revision SET revision = revision + 1 RETURNING revision) `

	// $10 is the horizon: the place from which on events may yet commit.
	sqlInsertWebhook = nextRevision + `, made AS (
			INSERT INTO alma_webhooks AS w (id, slot, version, revision, config, secret, traits, state, state_reason, created_at, updated_at, secret_set_at, url, made_in, made_from)
			SELECT $1, $2, 1, revision, $3, $4, $5, $6, $7, coalesce($8, now()), now(), $9, $11, pg_current_snapshot(), $10::bigint FROM next
			RETURNING w.number, ` + webhookColumns + `
		), lane AS (
			INSERT INTO alma_lanes (webhook, shared, xact, seq, health)
			SELECT number, false, coalesce(e.xact, $10::bigint - 1), coalesce(e.seq, 9223372036854775807), ''
			FROM made LEFT JOIN (SELECT xact, seq FROM alma_events WHERE xact < $10::bigint ORDER BY xact DESC, seq DESC LIMIT 1) AS e ON true
		)
		SELECT ` + webhookColumns + ` FROM made AS w`

	sqlUpdateWebhook = nextRevision + `UPDATE alma_webhooks AS w SET version = w.version + 1, revision = next.revision, config = $3, secret = $4, traits = $5, state = $6, state_reason = $7,
			updated_at = now(), secret_set_at = $8, url = $9
		FROM next WHERE w.id = $1 AND w.version = $2 AND w.deleted_at IS NULL RETURNING ` + webhookColumns

	// What may be secret goes; what listings of deliveries show stays.
	sqlDeleteWebhook = nextRevision + `UPDATE alma_webhooks AS w SET deleted_at = now(), config = '{}', secret = NULL, traits = '{}', state_reason = '', version = w.version + 1, revision = next.revision
		FROM next WHERE w.id = $1 AND w.deleted_at IS NULL RETURNING w.number`

	sqlDisableWebhooks = nextRevision + `UPDATE alma_webhooks AS w SET version = w.version + 1, revision = next.revision, state = 'disabled', state_reason = d.reason, updated_at = now()
		FROM next, unnest($1::text[], $2::text[]) AS d(id, reason) WHERE w.id = d.id AND w.state = 'active' AND w.deleted_at IS NULL`

	sqlWebhookExists = `SELECT EXISTS (SELECT 1 FROM alma_webhooks WHERE id = $1 AND deleted_at IS NULL)`
	sqlWebhook       = `SELECT ` + webhookColumns + ` FROM alma_webhooks AS w WHERE w.id = $1 AND w.deleted_at IS NULL`
	sqlWebhooks      = `SELECT ` + webhookColumns + ` FROM alma_webhooks AS w WHERE w.deleted_at IS NULL ORDER BY w.number`
	sqlFindWebhooks  = `SELECT ` + webhookColumns + `, w.number FROM alma_webhooks AS w
		WHERE w.number > $1 AND w.deleted_at IS NULL AND ($2 = '' OR w.config::json->>'project_id' = $2) ORDER BY w.number LIMIT $3`
	sqlNumbers = `SELECT id, number FROM alma_webhooks WHERE id = ANY($1::text[])`

	// Keeps webhooks as they are until the commit, so that what is stored about
	// them does not outlive their end unnoticed. All lock in the same order.
	sqlHoldWebhooks      = `SELECT FROM alma_webhooks WHERE id = ANY($1::text[]) ORDER BY number FOR SHARE`
	sqlHoldWebhooksFirst = `SELECT FROM alma_webhooks WHERE id = ANY($1::text[]) ORDER BY number FOR NO KEY UPDATE`
)
