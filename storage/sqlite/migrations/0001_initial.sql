-- Times are whole numbers: microseconds since 1970 for appended_at, which the
-- store sets itself, nanoseconds since 1970 for everything else. An event's
-- own timestamp may lie in any year from 1 to 9999 and keeps its nanoseconds,
-- so it takes two columns: seconds since 1970 and the nanoseconds after them.

-- The log. AUTOINCREMENT: positions never come back, even when the newest
-- events were deleted, or cursors would stand ahead of the log.
CREATE TABLE alma_events (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    memory_id       TEXT    NOT NULL,
    memory_type     TEXT    NOT NULL,
    agent           TEXT    NOT NULL,
    project_id      TEXT    NOT NULL,
    timestamp_sec   INTEGER NOT NULL,
    timestamp_nsec  INTEGER NOT NULL,
    appended_at     INTEGER NOT NULL, -- never less than that of the event before
    data            TEXT    NOT NULL,
    job_id          TEXT,
    job_records     INTEGER,
    envelope        TEXT
) STRICT;
CREATE UNIQUE INDEX alma_events_id ON alma_events (id);
CREATE INDEX alma_events_memory ON alma_events (memory_id);

-- Webhooks have a number inside the store, which keeps the rows that name them
-- small. A deleted one keeps its id, url and number for the listing of its
-- deliveries; its secret and settings are erased.
CREATE TABLE alma_webhooks (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    version       INTEGER NOT NULL,
    url           TEXT    NOT NULL,
    config        TEXT    NOT NULL, -- JSON, without the secret
    secret        BLOB,
    state         TEXT    NOT NULL,
    state_reason  TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    secret_set_at INTEGER NOT NULL,
    deleted_at    INTEGER
) STRICT;

-- How far each webhook has come by itself, and where the others stand.
CREATE TABLE alma_lanes (
    webhook INTEGER PRIMARY KEY,
    shared  INTEGER NOT NULL,
    cursor  INTEGER NOT NULL,
    health  TEXT    NOT NULL -- JSON; empty when there is nothing to remember
) STRICT;
CREATE TABLE alma_watermark (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO alma_watermark (id, seq) VALUES (1, 0);

-- Deliveries that are an exception to "attempted once, succeeded". Each member
-- of a batch has a row; all but the first point to the first (head), whose
-- row holds what is true of the batch.
CREATE TABLE alma_exceptions (
    webhook          INTEGER NOT NULL,
    seq              INTEGER NOT NULL,
    head             INTEGER,
    status           TEXT    NOT NULL,
    in_flight        INTEGER NOT NULL DEFAULT 0,
    attempts         INTEGER NOT NULL DEFAULT 0,
    next_attempt_at  INTEGER NOT NULL DEFAULT 0,
    delay            INTEGER NOT NULL DEFAULT 0, -- nanoseconds that lead to next_attempt_at
    manual           INTEGER NOT NULL DEFAULT 0,
    last_reason      TEXT    NOT NULL DEFAULT '',
    last_error       TEXT    NOT NULL DEFAULT '',
    last_status_code INTEGER NOT NULL DEFAULT 0,
    batch_id         TEXT    NOT NULL DEFAULT '',
    members          TEXT    NOT NULL DEFAULT '', -- JSON list of seq in the head of a batch
    job_id           TEXT    NOT NULL DEFAULT '', -- of a suppression
    suppressed       INTEGER NOT NULL DEFAULT 0,  -- events not sent
    PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX alma_exceptions_seq ON alma_exceptions (seq);
CREATE INDEX alma_exceptions_status ON alma_exceptions (status, seq);
CREATE INDEX alma_exceptions_pending ON alma_exceptions (webhook, seq) WHERE status = 'PENDING';
CREATE UNIQUE INDEX alma_exceptions_job ON alma_exceptions (webhook, job_id) WHERE job_id <> '';

-- What retries send again. Apart from the exceptions, so that a change of
-- status does not write a body anew.
CREATE TABLE alma_messages (
    webhook INTEGER NOT NULL,
    seq     INTEGER NOT NULL, -- the head of a batch
    message TEXT    NOT NULL, -- JSON, without the body
    body    BLOB    NOT NULL,
    PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;

-- Finished attempts, one row for each member of a batch; what was exchanged
-- (detail) stands with the first member alone. The start time is part of the
-- key, so that an attempt repeated under the same number is counted too.
CREATE TABLE alma_attempts (
    webhook     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    duration    INTEGER NOT NULL, -- nanoseconds
    status_code INTEGER NOT NULL,
    reason      TEXT,
    error       TEXT,
    batch_id    TEXT,
    replay_id   TEXT,
    head        INTEGER,
    detail      TEXT, -- JSON
    PRIMARY KEY (webhook, seq, at, number)
) STRICT, WITHOUT ROWID;
-- The newest deliveries of all webhooks are a walk along this index.
CREATE INDEX alma_attempts_seq ON alma_attempts (seq);

CREATE TABLE alma_keys (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    project_id TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE alma_memories (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    type       TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    project_id TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    embedding  BLOB    -- float32, little endian
) STRICT;
CREATE INDEX alma_memories_created ON alma_memories (created_at);
CREATE INDEX alma_memories_scope ON alma_memories (project_id, agent, created_at);

-- The words of memories. scope is one made-up word for agent and project, so
-- that a search never walks through the memories of others.
CREATE VIRTUAL TABLE alma_memories_text USING fts5 (
    scope, main, rest,
    content = '', contentless_delete = 1,
    tokenize = "porter unicode61 remove_diacritics 2"
);
