package postgres

// Statements over alma_secret_keys, and over what is sealed under the keys.
const (
	sqlSecretKeys = `SELECT id, proof FROM alma_secret_keys ORDER BY id` //nolint:gosec // No credential.
	// Keeps the key from being forgotten until the commit.
	sqlHoldSecretKey    = `INSERT INTO alma_secret_keys (id, proof) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET id = excluded.id`
	sqlAnySecretKey     = `SELECT EXISTS (SELECT FROM alma_secret_keys)` //nolint:gosec // No credential.
	sqlForgetSecretKeys = `DELETE FROM alma_secret_keys WHERE id <> $1`
	// Whoever seals anew waits for those who hold a key, and they for him.
	sqlLockSecretKeys = `SELECT FROM alma_secret_keys ORDER BY id FOR UPDATE`

	// Whether the key is noted, and nothing is in the clear.
	sqlAllSealed = `SELECT EXISTS (SELECT FROM alma_secret_keys WHERE id = $1)
		AND NOT EXISTS (SELECT FROM alma_webhooks WHERE secret IS NOT NULL AND get_byte(secret, 0) = 1)
		AND NOT EXISTS (SELECT FROM alma_sources WHERE get_byte(secret, 0) = 1)`

	sqlWebhookEnvelopes = `SELECT id, secret FROM alma_webhooks WHERE secret IS NOT NULL ORDER BY number FOR NO KEY UPDATE`
	sqlResealWebhook    = `UPDATE alma_webhooks SET secret = $2 WHERE id = $1`
	sqlSourceEnvelopes  = `SELECT name, secret FROM alma_sources ORDER BY number FOR NO KEY UPDATE`
	sqlResealSource     = `UPDATE alma_sources SET secret = $2 WHERE name = $1`
)
