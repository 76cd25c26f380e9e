-- CTE counted: adds the seeds that CTE `stored` has stored to those that the key of CTE `who` (key_id or
-- NULL, allowed) has added today. When these are too many, the statement fails and stores nothing.
counted AS (
    INSERT INTO key_seeds AS k (key_id, day, seeds, allowed)
    SELECT who.key_id, (now() AT TIME ZONE 'UTC')::date, n.seeds, who.allowed
    FROM who, (SELECT count(*) AS seeds FROM stored) n
    WHERE who.key_id IS NOT NULL AND n.seeds > 0
    ON CONFLICT (key_id, day) DO UPDATE
    SET seeds = k.seeds + excluded.seeds, allowed = excluded.allowed
)
