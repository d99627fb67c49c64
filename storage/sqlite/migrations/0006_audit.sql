-- Who changed what.
CREATE TABLE alma_audit (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    key_id     TEXT    NOT NULL,
    object_id  TEXT    NOT NULL,
    project_id TEXT    NOT NULL,
    entry      TEXT    NOT NULL -- JSON
) STRICT;
CREATE INDEX alma_audit_at ON alma_audit (at);
