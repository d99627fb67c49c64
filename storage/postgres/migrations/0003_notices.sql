-- Deliveries that have failed for good and that people are to be told of.
CREATE TABLE alma_notices (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook bigint      NOT NULL,
    xact    bigint      NOT NULL,
    seq     bigint      NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    -- Ids become visible out of order: told is what was claimed, and not all up
    -- to some id.
    claimed boolean     NOT NULL DEFAULT false
);
CREATE INDEX alma_notices_webhook ON alma_notices (webhook, id);

-- The webhooks that ever had notices: not told again until.
CREATE TABLE alma_notice_queue (
    webhook bigint      PRIMARY KEY,
    until   timestamptz NOT NULL
);
CREATE INDEX alma_notice_queue_until ON alma_notice_queue (until);
