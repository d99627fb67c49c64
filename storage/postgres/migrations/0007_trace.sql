ALTER TABLE alma_events ADD COLUMN trace text; -- traceparent; NULL where the event belongs to no trace
