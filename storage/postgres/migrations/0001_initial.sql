-- Places in the log are pairs (xact, seq): the transaction that inserted the
-- event, with the era in its upper bits (see alma_era), and a number that grows
-- within it. Times are timestamptz, to the microsecond. An event's own
-- timestamp may lie in any year from 1 to 9999 and keeps its nanoseconds, so it
-- takes two columns: seconds since 1970 and the nanoseconds after them.

-- The era is one more each time that this server's transaction ids lie behind
-- stored ones: after a dump was restored, or a failover lost transactions.
CREATE TABLE alma_era (
    id  boolean PRIMARY KEY DEFAULT true CHECK (id),
    era bigint  NOT NULL
);
INSERT INTO alma_era (era) VALUES (0);

CREATE SEQUENCE alma_events_seq;

-- The log. Partitions for each day are made ahead; the default one is the net
-- below them.
CREATE TABLE alma_events (
    xact           bigint      NOT NULL,
    seq            bigint      NOT NULL,
    id             text        NOT NULL,
    type           text        NOT NULL,
    memory_id      text        NOT NULL,
    memory_type    text        NOT NULL,
    agent          text        NOT NULL,
    project_id     text        NOT NULL,
    timestamp_sec  bigint      NOT NULL,
    timestamp_nsec integer     NOT NULL,
    appended_at    timestamptz NOT NULL,
    data           text        NOT NULL,
    job_id         text,
    job_records    bigint,
    envelope       text,
    erased         boolean     NOT NULL DEFAULT false -- data is '{}', envelope NULL and agent ''
) PARTITION BY RANGE (appended_at);
CREATE INDEX alma_events_place ON alma_events (xact, seq);
CREATE INDEX alma_events_memory ON alma_events (memory_id, xact, seq);
CREATE INDEX alma_events_time ON alma_events USING brin (appended_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE TABLE alma_events_default PARTITION OF alma_events DEFAULT;

-- Partitions cannot keep ids unique. This table does, and lives as long as the
-- log: the id of a dropped event may be used again.
CREATE TABLE alma_event_ids (
    id          text        PRIMARY KEY,
    xact        bigint      NOT NULL,
    seq         bigint      NOT NULL,
    appended_at timestamptz NOT NULL
);

-- Webhooks have a number inside the store, which keeps the rows that name them
-- small. A deleted one keeps its id, url and number for the listing of its
-- deliveries; its secret and settings are erased. Events from made_from on, the
-- horizon at its making, had committed before it where made_in says so.
CREATE TABLE alma_webhooks (
    number        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text        NOT NULL UNIQUE,
    slot          smallint    NOT NULL,
    version       bigint      NOT NULL,
    revision      bigint      NOT NULL,
    url           text        NOT NULL,
    config        text        NOT NULL, -- JSON, without the secret
    secret        bytea,
    state         text        NOT NULL,
    state_reason  text        NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    secret_set_at timestamptz,
    deleted_at    timestamptz,
    made_in       pg_snapshot NOT NULL,
    made_from     bigint      NOT NULL
);
CREATE INDEX alma_webhooks_slot ON alma_webhooks (slot) WHERE deleted_at IS NULL;
CREATE INDEX alma_webhooks_revision ON alma_webhooks (revision);

-- Counts the changes of webhooks. Whoever makes one holds this row until the
-- commit, so revisions become visible in their order.
CREATE TABLE alma_revision (
    id       boolean PRIMARY KEY DEFAULT true CHECK (id),
    revision bigint  NOT NULL
);
INSERT INTO alma_revision (revision) VALUES (0);

-- How far each webhook has come by itself, and where the others stand.
CREATE TABLE alma_lanes (
    webhook bigint  PRIMARY KEY,
    shared  boolean NOT NULL,
    xact    bigint  NOT NULL,
    seq     bigint  NOT NULL,
    health  text    NOT NULL -- JSON; empty when there is nothing to remember
) WITH (fillfactor = 70);

-- The watermark of a process that shares the lanes with no other.
CREATE TABLE alma_watermark (
    id   boolean PRIMARY KEY DEFAULT true CHECK (id),
    xact bigint  NOT NULL,
    seq  bigint  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO alma_watermark (xact, seq) VALUES (0, 0);

-- Sessions of nodes, with their leases and watermarks.
CREATE TABLE alma_nodes (
    id         text        PRIMARY KEY,
    name       text        NOT NULL,
    lease      interval    NOT NULL,
    expires_at timestamptz NOT NULL,
    joined_at  timestamptz NOT NULL,
    ended_at   timestamptz,
    xact       bigint      NOT NULL DEFAULT 0,
    seq        bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Who owns which slot. A slot that has joined follows its owner's watermark;
-- until then, and while it is free, its place is here.
CREATE TABLE alma_slots (
    slot   smallint PRIMARY KEY,
    node   text,
    joined boolean  NOT NULL DEFAULT false,
    xact   bigint   NOT NULL DEFAULT 0,
    seq    bigint   NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX alma_slots_node ON alma_slots (node);
INSERT INTO alma_slots (slot) SELECT generate_series(0, 1023);

-- Moves a node's watermark. It fails when the node's session has ended: the
-- row stays locked until the settlement commits, and whoever would end the
-- session waits for that.
CREATE FUNCTION alma_hold_node(node text, new_xact bigint, new_seq bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE alma_nodes SET
            xact = CASE WHEN (new_xact, new_seq) > (xact, seq) THEN new_xact ELSE xact END,
            seq  = CASE WHEN (new_xact, new_seq) > (xact, seq) THEN new_seq ELSE seq END
        WHERE id = node AND ended_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session of node % has ended', node USING ERRCODE = 'AL001';
    END IF;
END
$$;

-- Deliveries that are an exception to "attempted once, succeeded". Each member
-- of a batch has a row; all but the first point to the first (head), whose
-- row holds what is true of the batch.
CREATE TABLE alma_exceptions (
    webhook          bigint      NOT NULL,
    xact             bigint      NOT NULL,
    seq              bigint      NOT NULL,
    head_xact        bigint,
    head_seq         bigint,
    batch            boolean     NOT NULL DEFAULT false, -- the head of a batch
    status           text        NOT NULL,
    in_flight        boolean     NOT NULL DEFAULT false,
    attempts         integer     NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz,
    delay            bigint      NOT NULL DEFAULT 0, -- nanoseconds that lead to next_attempt_at
    manual           boolean     NOT NULL DEFAULT false,
    last_reason      text        NOT NULL DEFAULT '',
    last_error       text        NOT NULL DEFAULT '',
    last_status_code integer     NOT NULL DEFAULT 0,
    batch_id         text        NOT NULL DEFAULT '',
    replay_id        text        NOT NULL DEFAULT '', -- the replay that the attempts belong to
    job_id           text        NOT NULL DEFAULT '', -- of a suppression
    suppressed       bigint      NOT NULL DEFAULT 0,  -- events not sent
    PRIMARY KEY (webhook, xact, seq)
) WITH (fillfactor = 80);
CREATE INDEX alma_exceptions_place ON alma_exceptions (xact, seq, webhook);
CREATE INDEX alma_exceptions_status ON alma_exceptions (status, xact, seq, webhook);
CREATE INDEX alma_exceptions_pending ON alma_exceptions (webhook, xact, seq) WHERE status = 'PENDING';
CREATE INDEX alma_exceptions_members ON alma_exceptions (webhook, head_xact, head_seq) WHERE head_xact IS NOT NULL;
CREATE UNIQUE INDEX alma_exceptions_job ON alma_exceptions (webhook, job_id) WHERE job_id <> '';

-- What retries send again. Apart from the exceptions, so that a change of
-- status does not write a body anew.
CREATE TABLE alma_messages (
    webhook bigint NOT NULL,
    xact    bigint NOT NULL, -- the head of a batch
    seq     bigint NOT NULL,
    message text   NOT NULL, -- JSON, without the body
    body    bytea  NOT NULL,
    PRIMARY KEY (webhook, xact, seq)
);

-- Finished attempts, one row for each member of a batch; what was exchanged
-- (detail) stands with the first member alone. The start time is part of the
-- key, so that an attempt repeated under the same number is counted too.
CREATE TABLE alma_attempts (
    webhook     bigint      NOT NULL,
    xact        bigint      NOT NULL,
    seq         bigint      NOT NULL,
    at          timestamptz NOT NULL,
    number      integer     NOT NULL,
    duration    bigint      NOT NULL, -- nanoseconds
    status_code integer     NOT NULL,
    reason      text,
    error       text,
    batch_id    text,
    replay_id   text,
    head_xact   bigint,
    head_seq    bigint,
    detail      text, -- JSON
    PRIMARY KEY (webhook, xact, seq, at, number)
) PARTITION BY RANGE (at);
-- The newest deliveries of all webhooks are a walk along this index.
CREATE INDEX alma_attempts_place ON alma_attempts (xact, seq, webhook);
CREATE TABLE alma_attempts_default PARTITION OF alma_attempts DEFAULT;

-- Takes deliveries out of the batches that they stand in. Where the head leaves
-- and others stay, the earliest of those becomes the head: it gets the message
-- and what is true of the batch.
CREATE FUNCTION alma_leave_batches(webhooks bigint[], xacts bigint[], seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        WITH leaving AS (SELECT * FROM unnest(webhooks, xacts, seqs) AS u(webhook, xact, seq))
        SELECT DISTINCT ON (m.webhook, m.head_xact, m.head_seq) m.webhook, m.head_xact, m.head_seq, m.xact, m.seq
        FROM leaving AS l JOIN alma_exceptions AS m ON m.webhook = l.webhook AND m.head_xact = l.xact AND m.head_seq = l.seq
        WHERE NOT EXISTS (SELECT 1 FROM leaving AS g WHERE g.webhook = m.webhook AND g.xact = m.xact AND g.seq = m.seq)
        ORDER BY m.webhook, m.head_xact, m.head_seq, m.xact, m.seq
    LOOP
        INSERT INTO alma_messages (webhook, xact, seq, message, body)
            SELECT r.webhook, r.xact, r.seq, m.message, m.body FROM alma_messages AS m WHERE m.webhook = r.webhook AND m.xact = r.head_xact AND m.seq = r.head_seq
            ON CONFLICT (webhook, xact, seq) DO UPDATE SET message = excluded.message, body = excluded.body;
        UPDATE alma_exceptions AS m SET head_xact = r.xact, head_seq = r.seq
            WHERE m.webhook = r.webhook AND m.head_xact = r.head_xact AND m.head_seq = r.head_seq
                AND NOT EXISTS (SELECT 1 FROM unnest(webhooks, xacts, seqs) AS g(webhook, xact, seq) WHERE g.webhook = m.webhook AND g.xact = m.xact AND g.seq = m.seq);
        UPDATE alma_exceptions AS m SET head_xact = NULL, head_seq = NULL, batch = true, status = h.status, in_flight = h.in_flight, attempts = h.attempts,
                next_attempt_at = h.next_attempt_at, delay = h.delay, manual = h.manual, last_reason = h.last_reason, last_error = h.last_error,
                last_status_code = h.last_status_code, batch_id = h.batch_id, replay_id = h.replay_id
            FROM alma_exceptions AS h
            WHERE m.webhook = r.webhook AND m.xact = r.xact AND m.seq = r.seq AND h.webhook = r.webhook AND h.xact = r.head_xact AND h.seq = r.head_seq;
    END LOOP;
END
$$;

-- The places of erased events, so that what comes late about them is met. They
-- go with their events.
CREATE TABLE alma_erased (
    xact bigint NOT NULL,
    seq  bigint NOT NULL,
    PRIMARY KEY (xact, seq)
);

-- Removes what stands about events in their deliveries, and fails those that
-- are pending.
CREATE FUNCTION alma_erase_deliveries(xacts bigint[], seqs bigint[], reason text, explanation text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ended record;
BEGIN
    -- What was exchanged for a batch stands with its first member's attempt.
    UPDATE alma_attempts AS h SET detail = NULL
        FROM unnest(xacts, seqs) AS p(xact, seq) JOIN alma_attempts AS m ON m.xact = p.xact AND m.seq = p.seq AND m.head_xact IS NOT NULL
        WHERE h.webhook = m.webhook AND h.xact = m.head_xact AND h.seq = m.head_seq AND h.at = m.at AND h.number = m.number AND h.detail IS NOT NULL;
    UPDATE alma_attempts AS a SET detail = NULL, error = NULL
        FROM unnest(xacts, seqs) AS p(xact, seq)
        WHERE a.xact = p.xact AND a.seq = p.seq AND (a.detail IS NOT NULL OR a.error IS NOT NULL);
    DELETE FROM alma_messages AS m
        USING unnest(xacts, seqs) AS p(xact, seq) JOIN alma_exceptions AS x ON x.xact = p.xact AND x.seq = p.seq
        WHERE m.webhook = x.webhook AND m.xact = coalesce(x.head_xact, x.xact) AND m.seq = coalesce(x.head_seq, x.seq);
    -- The text of a batch's error stands with its head.
    UPDATE alma_exceptions AS e SET last_error = ''
        FROM unnest(xacts, seqs) AS p(xact, seq) JOIN alma_exceptions AS x ON x.xact = p.xact AND x.seq = p.seq
        WHERE e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq) AND e.last_error <> '';
    SELECT array_agg(x.webhook) AS webhooks, array_agg(x.xact) AS xacts, array_agg(x.seq) AS seqs, array_agg(e.attempts) AS attempts, array_agg(e.replay_id) AS replays
        INTO ended
        FROM unnest(xacts, seqs) AS p(xact, seq)
        JOIN alma_exceptions AS x ON x.xact = p.xact AND x.seq = p.seq AND x.status = 'PENDING'
        JOIN alma_exceptions AS e ON e.webhook = x.webhook AND e.xact = coalesce(x.head_xact, x.xact) AND e.seq = coalesce(x.head_seq, x.seq);
    IF ended.webhooks IS NULL THEN
        RETURN;
    END IF;
    PERFORM alma_leave_batches(ended.webhooks, ended.xacts, ended.seqs);
    UPDATE alma_exceptions AS x SET head_xact = NULL, head_seq = NULL, batch = false, status = 'FAILED', in_flight = false, attempts = u.attempts,
            next_attempt_at = NULL, delay = 0, manual = false, last_reason = reason, last_error = explanation, last_status_code = 0, batch_id = '', replay_id = u.replay
        FROM unnest(ended.webhooks, ended.xacts, ended.seqs, ended.attempts, ended.replays) AS u(webhook, xact, seq, attempts, replay)
        WHERE x.webhook = u.webhook AND x.xact = u.xact AND x.seq = u.seq;
END
$$;

-- Replays: second cursors in the log. Which bulk jobs one is about, and since
-- which places, is settled when it is made.
CREATE TABLE alma_replays (
    number       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           text        NOT NULL UNIQUE,
    webhook      bigint      NOT NULL,
    query        text        NOT NULL, -- JSON
    jobs         text[]      NOT NULL,
    job_xacts    bigint[]    NOT NULL,
    job_seqs     bigint[]    NOT NULL,
    state        text        NOT NULL,
    state_reason text        NOT NULL,
    xact         bigint      NOT NULL, -- the cursor
    seq          bigint      NOT NULL,
    last_xact    bigint      NOT NULL,
    last_seq     bigint      NOT NULL,
    total        bigint      NOT NULL,
    looked       bigint      NOT NULL DEFAULT 0,
    delivered    bigint      NOT NULL DEFAULT 0,
    failed       bigint      NOT NULL DEFAULT 0,
    retrying     bigint      NOT NULL DEFAULT 0,
    passed       bigint      NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    finished_at  timestamptz
) WITH (fillfactor = 70);
CREATE INDEX alma_replays_webhook ON alma_replays (webhook, number);
CREATE INDEX alma_replays_open ON alma_replays (webhook, number) WHERE finished_at IS NULL;
CREATE INDEX alma_replays_finished ON alma_replays (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE alma_keys (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text        NOT NULL UNIQUE,
    name       text        NOT NULL,
    role       text        NOT NULL,
    project_id text        NOT NULL,
    hash       bytea       NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

-- English endings are taken off, and no word is passed over: people search
-- for "not" and "all" as well. The program folds case and diacritics before.
CREATE TEXT SEARCH DICTIONARY alma_stem (TEMPLATE = pg_catalog.snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION alma_words (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION alma_words ALTER MAPPING FOR asciiword, word WITH alma_stem;

CREATE TABLE alma_memories (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text        NOT NULL UNIQUE,
    type       text        NOT NULL,
    agent      text        NOT NULL,
    project_id text        NOT NULL,
    data       text        NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    embedding  real[],
    words      tsvector    NOT NULL -- with one made-up word for agent and project
);
CREATE INDEX alma_memories_created ON alma_memories (created_at, number);
CREATE INDEX alma_memories_scope ON alma_memories (project_id, agent, created_at, number);
CREATE INDEX alma_memories_words ON alma_memories USING gin (words);
