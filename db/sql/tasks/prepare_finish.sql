-- Ends the preparation of a transfer, once: what is ready is never written again. $1 shard, $2 run,
-- $3 lo, $4 token, $5 transfer, $6 reason or NULL when it is ready, $7 scale, $8 center, $9 count.
UPDATE transfers t
SET state = CASE WHEN $6::text IS NULL THEN 'ready' ELSE 'failed' END, reason = $6, scale = $7::float8,
    center = $8::float8[], count = $9::bigint, finished_at = now()
FROM tasks k
WHERE t.transfer_id = $5::uuid AND t.state = 'preparing'
  AND k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = 'prepare' AND k.lo = $3::uuid
  AND k.token = $4 AND k.state = 'leased'
