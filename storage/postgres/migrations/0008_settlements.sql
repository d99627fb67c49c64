-- The last settlement of each node, and of a process that shares the lanes with
-- no other, of those that add to counts: when its answer was lost it comes
-- again.
ALTER TABLE alma_nodes ADD COLUMN settlement text NOT NULL DEFAULT '';
ALTER TABLE alma_watermark ADD COLUMN settlement text NOT NULL DEFAULT '';

-- Notes a settlement. It fails when that one is stored already: whoever repeats
-- one that is still under way waits for it here.
CREATE FUNCTION alma_settle_once(node_id text, new_settlement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF node_id = '' THEN
        UPDATE alma_watermark SET settlement = new_settlement WHERE settlement <> new_settlement;
    ELSE
        UPDATE alma_nodes SET settlement = new_settlement WHERE id = node_id AND settlement <> new_settlement;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the settlement % is stored already', new_settlement USING ERRCODE = 'AL002';
    END IF;
END
$$;
