-- Erased events keep their row: data is '{}', envelope NULL and agent ''.
ALTER TABLE alma_events ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;

-- The replay that a delivery's attempts belong to.
ALTER TABLE alma_exceptions ADD COLUMN replay_id TEXT NOT NULL DEFAULT '';

-- Replays: second cursors in the log.
CREATE TABLE alma_replays (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    webhook      INTEGER NOT NULL,
    query        TEXT    NOT NULL, -- JSON
    jobs         TEXT    NOT NULL, -- JSON object: suppressed jobs, and the seq where that began
    state        TEXT    NOT NULL,
    state_reason TEXT    NOT NULL,
    cursor       INTEGER NOT NULL,
    last         INTEGER NOT NULL,
    total        INTEGER NOT NULL,
    looked       INTEGER NOT NULL DEFAULT 0,
    delivered    INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    retrying     INTEGER NOT NULL DEFAULT 0,
    passed       INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL DEFAULT 0 -- 0 while it is running or paused
) STRICT;
CREATE INDEX alma_replays_webhook ON alma_replays (webhook, number);
CREATE INDEX alma_replays_open ON alma_replays (webhook, number) WHERE finished_at = 0;
CREATE INDEX alma_replays_finished ON alma_replays (finished_at) WHERE finished_at > 0;
