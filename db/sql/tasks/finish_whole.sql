-- Ends a task that is not a range: plan, moments, transfer, delete
-- ($1 shard, $2 run, $3 stage, $4 lo, $5 token).
UPDATE tasks SET state = 'finished', finished_at = now()
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND state = 'leased'
RETURNING 1
