package sqlite

// Statements over alma_webhooks.
const (
	webhookColumns = `id, version, config, secret, traits, state, state_reason, created_at, updated_at, secret_set_at`

	sqlWebhookRefs = `SELECT id, number, deleted_at IS NOT NULL FROM alma_webhooks`

	sqlInsertWebhook = `INSERT INTO alma_webhooks (` + webhookColumns + `, url) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`

	sqlUpdateWebhook = `UPDATE alma_webhooks SET version = version + 1, config = ?, secret = ?, traits = ?, state = ?, state_reason = ?, updated_at = ?, secret_set_at = ?, url = ?
		WHERE number = ? AND version = ?`

	// What may be secret goes; what listings of deliveries show stays.
	sqlDeleteWebhook = `UPDATE alma_webhooks SET deleted_at = ?, config = '{}', secret = NULL, traits = '{}', state_reason = '', version = version + 1 WHERE number = ?`

	sqlDisableWebhook = `UPDATE alma_webhooks SET version = version + 1, state = 'disabled', state_reason = ?, updated_at = ? WHERE number = ? AND state = 'active'`

	sqlWebhook  = `SELECT ` + webhookColumns + ` FROM alma_webhooks WHERE id = ? AND deleted_at IS NULL`
	sqlWebhooks = `SELECT ` + webhookColumns + ` FROM alma_webhooks WHERE deleted_at IS NULL ORDER BY number`

	sqlFindWebhooks = `SELECT ` + webhookColumns + `, number FROM alma_webhooks
		WHERE number > ?1 AND deleted_at IS NULL AND (?2 = '' OR json_extract(config, '$.project_id') = ?2) ORDER BY number LIMIT ?3`
)
