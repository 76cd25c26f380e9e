-- The failures of a flush; of what was put back and fails again, its calls add up ($1 shard, $2 run, $3 lo,
-- $4 token, $5 flush_no, $6 task stage, $7 stage as the API names it, then arrays).
INSERT INTO failures (shard_id, run_id, stage, seed_id, item, reason, detail, raw, provider,
                      tokens_in, tokens_out, cost, calls)
SELECT t.shard_id, t.run_id, $7, u.seed_id, u.item, u.reason, u.detail, u.raw, u.provider,
       u.tokens_in, u.tokens_out, u.cost, u.calls
FROM tasks t,
     unnest($8::uuid[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::int[],
            $15::int[], $16::bigint[], $17::int[])
     u(seed_id, item, reason, detail, raw, provider, tokens_in, tokens_out, cost, calls)
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = $6 AND t.lo = $3::uuid
  AND t.token = $4 AND t.flush_no = $5
ON CONFLICT (shard_id, run_id, stage, seed_id, item) DO UPDATE
SET put_back = false, reason = EXCLUDED.reason, detail = EXCLUDED.detail, raw = EXCLUDED.raw,
    provider = EXCLUDED.provider, tokens_in = failures.tokens_in + EXCLUDED.tokens_in,
    tokens_out = failures.tokens_out + EXCLUDED.tokens_out,
    cost = failures.cost + EXCLUDED.cost, calls = failures.calls + EXCLUDED.calls,
    created_at = EXCLUDED.created_at
WHERE failures.put_back
