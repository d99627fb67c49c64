ALTER TABLE alma_keys ADD COLUMN rate_limit double precision NOT NULL DEFAULT 0; -- requests a second; 0 = the server's
ALTER TABLE alma_keys ADD COLUMN last_used_at timestamptz;

-- Calls that clients may repeat under an Idempotency-Key.
CREATE TABLE alma_calls (
    id      text        PRIMARY KEY,
    request text        NOT NULL, -- hash
    answer  bytea,                -- sealed by the server; NULL while it is under way
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alma_calls_at ON alma_calls (at);
