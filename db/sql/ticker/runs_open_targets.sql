-- The barrier before dialogues by number: one task for the runs of which it can be said now which
-- captions these are ($1 ticker token).
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, token)
SELECT r.dataset * 65536, r.run_id, 'targets', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', r.dataset, now(), {{first_token}}
FROM runs r
WHERE r.state = 'running' AND r.requested IS NULL AND {{ticker_holds}} AND {{targets_due}}
ON CONFLICT (shard_id, run_id, stage, lo) DO UPDATE
SET state = 'ready', lease_until = NULL WHERE tasks.state = 'finished'
RETURNING run_id
