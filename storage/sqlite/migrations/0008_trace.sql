ALTER TABLE alma_events ADD COLUMN trace TEXT; -- traceparent; NULL where the event belongs to no trace
