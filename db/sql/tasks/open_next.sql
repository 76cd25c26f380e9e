-- Opens the stages that follow a finished captions task ($1 shard, $2 run, $3 lo, $4 token), unless
-- they wait for the duplicates.
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, seeds, token)
SELECT t.shard_id, t.run_id, n.stage, t.lo, t.hi, t.dataset, t.planned_at, t.seeds, {{first_token}}
FROM tasks t
JOIN runs r ON r.run_id = $2::uuid AND NOT r.barrier
JOIN (VALUES ('dialogues', 'dialogues'), ('embed', 'representations')) n(stage, name)
    ON n.name = ANY (r.stages)
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'captions' AND t.lo = $3::uuid
  AND t.token = $4 AND t.state = 'finished'
ON CONFLICT DO NOTHING
