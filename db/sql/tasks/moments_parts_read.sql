-- The shards' sums of a run in shard order ($1 first shard, $2 last shard, $3 run).
-- result: binary
SELECT count, sums FROM moments_parts
WHERE shard_id BETWEEN $1 AND $2 AND run_id = $3::uuid
ORDER BY shard_id
