-- The barrier before the duplicates: one task for the runs whose every shard is planned and whose
-- captions are all ended ($1 ticker token).
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, token)
SELECT r.dataset * 65536, r.run_id, 'duplicates', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', r.dataset, now(), {{first_token}}
FROM runs r
WHERE r.state = 'running' AND r.requested IS NULL AND {{run_compares}} AND {{ticker_holds}}
  AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'plan')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'duplicates')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.state <> 'finished'
                  AND t.stage IN ('plan', 'captions'))
ON CONFLICT DO NOTHING
RETURNING run_id
