-- The sums of one shard ($1 shard, $2 run, $3 lo, $4 token, $5 count, $6 sums).
INSERT INTO moments_parts (shard_id, run_id, count, sums)
SELECT t.shard_id, t.run_id, $5::bigint, $6::float8[] FROM tasks t
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'moments' AND t.lo = $3::uuid
  AND t.token = $4 AND t.state = 'leased'
FOR SHARE OF t
ON CONFLICT DO NOTHING
