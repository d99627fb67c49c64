-- What is secret about a webhook leaves its settings: secret holds an envelope
-- (its first byte: 1 = in the clear, 2 = sealed) around one JSON object, and
-- settings keep the names of headers, their values masked.
ALTER TABLE alma_webhooks ADD COLUMN traits TEXT NOT NULL DEFAULT '{}'; -- JSON

UPDATE alma_webhooks SET secret = CAST(x'01' || json_object(
        'secret', CAST(secret AS TEXT),
        'headers', json(coalesce(json_extract(config, '$.headers'), 'null'))
    ) AS BLOB)
WHERE deleted_at IS NULL;

UPDATE alma_webhooks SET config = json_set(config, '$.headers', json((
        SELECT json_group_object(key, '********') FROM json_each(config, '$.headers')
    )))
WHERE json_type(config, '$.headers') = 'object';

-- Foreign systems that send events to this one. secret is as above.
CREATE TABLE alma_sources (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    settings   TEXT    NOT NULL, -- JSON
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The keys that secrets are sealed under: a text sealed under each, to know the
-- key again before there is any secret.
CREATE TABLE alma_secret_keys (
    id      TEXT    PRIMARY KEY,
    proof   BLOB    NOT NULL,
    scrub   INTEGER NOT NULL DEFAULT 0 -- 1 while parts of the file may yet hold what is sealed now
) STRICT;
