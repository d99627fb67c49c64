-- Deliveries that have failed for good and that people are to be told of.
CREATE TABLE alma_notices (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX alma_notices_webhook ON alma_notices (webhook, id);

-- The webhooks with notices, or that were told a moment ago: not again until.
CREATE TABLE alma_notice_queue (
    webhook INTEGER PRIMARY KEY,
    until   INTEGER NOT NULL
) STRICT;
CREATE INDEX alma_notice_queue_until ON alma_notice_queue (until);
