-- Opens the later stages of the runs that waited for their duplicates to be dropped, over the ranges
-- of their captions ($1 ticker token). The runs come first: asked of each range, what they wait for
-- is looked up tens of thousands of times a second.
WITH due AS MATERIALIZED (
    SELECT r.run_id, r.stages, r.retry
    FROM runs r
    WHERE r.state = 'running' AND r.requested IS NULL AND {{ticker_holds}} AND {{run_waits}}
      AND EXISTS (SELECT 1 FROM tasks d WHERE d.run_id = r.run_id AND d.stage = 'duplicates'
                  AND d.state = 'finished')
)
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, seeds, token)
SELECT t.shard_id, t.run_id, n.stage, t.lo, t.hi, t.dataset, t.planned_at, t.seeds,
       {{first_token}}
FROM due r
JOIN (VALUES ('dialogues', 'dialogues'), ('embed', 'representations')) n(stage, name)
    ON n.name = ANY (r.stages)
JOIN tasks t ON t.run_id = r.run_id AND t.stage = 'captions'
ON CONFLICT DO NOTHING
RETURNING run_id
