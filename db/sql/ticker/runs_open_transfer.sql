-- The barrier before the transfers: one task for the runs whose shards have all been summed
-- ($1 ticker token). Tokens begin with the time: a task that is taken away and opened again must not
-- come to one that somebody still holds.
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, token)
SELECT r.dataset * 65536, r.run_id, 'transfer', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', r.dataset, now(),
       (extract(epoch FROM now()) * 1000000)::bigint
FROM runs r
WHERE r.state = 'running' AND r.requested IS NULL AND 'representations' = ANY (r.stages)
  AND {{ticker_holds}}
  AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'moments')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'moments'
                  AND t.state <> 'finished')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'transfer')
ON CONFLICT DO NOTHING
RETURNING run_id
