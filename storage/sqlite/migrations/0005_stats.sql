-- What each node did, minute by minute.
CREATE TABLE alma_stats (
    minute INTEGER NOT NULL,
    node   TEXT    NOT NULL,
    stats  TEXT    NOT NULL, -- JSON
    PRIMARY KEY (minute, node)
) STRICT, WITHOUT ROWID;
