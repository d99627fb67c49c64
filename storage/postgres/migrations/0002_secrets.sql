-- What is secret about a webhook leaves its settings: secret holds an envelope
-- (its first byte: 1 = in the clear, 2 = sealed) around one JSON object, and
-- settings keep the names of headers, their values masked.
ALTER TABLE alma_webhooks ADD COLUMN traits text NOT NULL DEFAULT '{}'; -- JSON

-- PostgreSQL's functions for JSON refuse a NUL, which a description may hold.
UPDATE alma_webhooks SET config = regexp_replace(config, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g') WHERE position('\u0000' IN config) > 0;

-- Byte for byte: PostgreSQL's own text holds no NUL, and an old secret may.
UPDATE alma_webhooks AS w SET secret = '\x01'::bytea || '{"secret":"'::bytea || coalesce((
        SELECT string_agg(CASE WHEN b < 32 OR b = 34 OR b = 92
                THEN convert_to(chr(92) || 'u00' || lpad(to_hex(b), 2, '0'), 'UTF8')
                ELSE set_byte('\x00'::bytea, 0, b) END, ''::bytea ORDER BY i)
        FROM (SELECT i, get_byte(w.secret, i) AS b FROM generate_series(0, length(w.secret) - 1) AS i) AS bytes
    ), ''::bytea) || convert_to('","headers":' || coalesce((w.config::json -> 'headers')::text, 'null') || '}', 'UTF8')
WHERE deleted_at IS NULL;

UPDATE alma_webhooks SET config = (
        SELECT json_object_agg(key, CASE WHEN key = 'headers'
            THEN (SELECT json_object_agg(name, '********') FROM json_object_keys(value) AS name) ELSE value END)::text
        FROM json_each(config::json))
WHERE json_typeof(config::json -> 'headers') = 'object';

-- Foreign systems that send events to this one. secret is as above.
CREATE TABLE alma_sources (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    settings   text        NOT NULL, -- JSON
    secret     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The keys that secrets are sealed under: a text sealed under each, to know the
-- key again before there is any secret.
CREATE TABLE alma_secret_keys (
    id    text  PRIMARY KEY,
    proof bytea NOT NULL
);
