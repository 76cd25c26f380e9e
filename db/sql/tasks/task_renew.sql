-- Renews leases ($1 shards, $2 runs, $3 stages, $4 los, $5 tokens, $6 seconds); the rows that come
-- back are still held.
-- result: binary
UPDATE tasks t SET lease_until = now() + make_interval(secs => $6::float8)
FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[])
     k(shard_id, run_id, stage, lo, token)
WHERE t.shard_id = k.shard_id AND t.run_id = k.run_id AND t.stage = k.stage AND t.lo = k.lo
  AND t.token = k.token AND t.state = 'leased'
RETURNING t.shard_id, t.run_id, t.stage, t.lo, t.token
