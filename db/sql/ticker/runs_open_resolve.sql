-- Opens the question which model a provider serves for the queued runs that nothing blocks and whose
-- recipes depend on the answer ($1 ticker token).
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at)
SELECT r.dataset * 65536, r.run_id, 'resolve', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', r.dataset, now()
FROM runs r
WHERE r.state = 'queued' AND r.requested IS NULL AND {{ticker_holds}} AND NOT {{run_resolved}}
  AND NOT {{run_blocked}}
ON CONFLICT (shard_id, run_id, stage, lo) DO UPDATE
SET state = 'ready', lease_until = NULL WHERE tasks.state = 'finished'
RETURNING run_id
