-- What each node did, minute by minute.
CREATE TABLE alma_stats (
    minute timestamptz NOT NULL,
    node   text        NOT NULL,
    stats  text        NOT NULL, -- JSON
    PRIMARY KEY (minute, node)
);
