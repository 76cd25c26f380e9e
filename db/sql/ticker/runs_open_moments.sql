-- The barrier before the moments: opens one task per shard for the runs whose every shard is planned
-- and whose captions and embeddings are all ended ($1 ticker token).
-- Tokens begin with the time: a task that is taken away and opened again must not come to one that
-- somebody still holds. What is embedded later than planned_at is in no sum: taken behind the
-- snapshot, it is later than all that the run has embedded.
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, token)
SELECT r.dataset * 65536 + g, r.run_id, 'moments', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', r.dataset, (SELECT clock_timestamp()),
       (extract(epoch FROM now()) * 1000000)::bigint
FROM runs r
JOIN datasets d ON d.number = r.dataset
CROSS JOIN LATERAL generate_series(0, d.shards - 1) g
WHERE r.state = 'running' AND r.requested IS NULL AND 'representations' = ANY (r.stages)
  AND {{ticker_holds}}
  AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'plan')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'moments')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.state <> 'finished'
                  AND t.stage IN ('plan', 'captions', 'embed'))
  AND NOT {{run_waits}}
ON CONFLICT DO NOTHING
RETURNING run_id
