-- Who changed what.
CREATE TABLE alma_audit (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    key_id     text        NOT NULL,
    object_id  text        NOT NULL,
    project_id text        NOT NULL,
    entry      text        NOT NULL -- JSON
);
CREATE INDEX alma_audit_at ON alma_audit (at);
