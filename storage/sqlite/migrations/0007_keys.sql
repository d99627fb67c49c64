ALTER TABLE alma_keys ADD COLUMN rate_limit REAL NOT NULL DEFAULT 0; -- requests a second; 0 = the server's
ALTER TABLE alma_keys ADD COLUMN last_used_at INTEGER NOT NULL DEFAULT 0;

-- Calls that clients may repeat under an Idempotency-Key.
CREATE TABLE alma_calls (
    id      TEXT    NOT NULL PRIMARY KEY,
    request TEXT    NOT NULL, -- hash
    answer  BLOB,             -- sealed by the server; NULL while it is under way
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alma_calls_at ON alma_calls (at);
