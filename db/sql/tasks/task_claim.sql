-- Leases up to eight tasks of one stage of one run in one shard
-- ($1 shard, $2 run, $3 stage, $4 worker, $5 lease in seconds). The limit is a literal: as a
-- parameter it would make the plan a scan.
-- result: binary
UPDATE tasks t
SET state = 'leased', token = t.token + 1, flush_no = 0,
    lease_until = now() + make_interval(secs => $5::float8), worker = $4
FROM (
    SELECT lo FROM tasks
    WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND state <> 'finished'
      AND (state = 'ready' OR lease_until < now())
    ORDER BY lo
    LIMIT 8
    FOR UPDATE SKIP LOCKED
) k
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = $3 AND t.lo = k.lo
RETURNING t.lo, t.hi, t.dataset, t.token, t.attempts::int, t.seeds
