package sqlite

// Statements over alma_secret_keys, and over what is sealed under the keys.
const (
	sqlSecretKeys       = `SELECT id, proof, scrub FROM alma_secret_keys ORDER BY id` //nolint:gosec // No credential.
	sqlNoteSecretKey    = `INSERT INTO alma_secret_keys (id, proof) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`
	sqlForgetSecretKeys = `DELETE FROM alma_secret_keys WHERE id <> ?`
	sqlWantScrub        = `UPDATE alma_secret_keys SET scrub = 1`
	sqlScrubbed         = `UPDATE alma_secret_keys SET scrub = 0`

	sqlWebhookEnvelopes = `SELECT id, secret FROM alma_webhooks WHERE secret IS NOT NULL`
	sqlResealWebhook    = `UPDATE alma_webhooks SET secret = ? WHERE id = ?`
	sqlSourceEnvelopes  = `SELECT name, secret FROM alma_sources`
	sqlResealSource     = `UPDATE alma_sources SET secret = ? WHERE name = ?`
)
