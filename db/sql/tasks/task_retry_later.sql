-- Puts a task back for a while after a fault that is not the worker's death
-- ($1 shard, $2 run, $3 stage, $4 lo, $5 token, $6 seconds).
UPDATE tasks SET lease_until = now() + make_interval(secs => $6::float8)
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND state = 'leased'
