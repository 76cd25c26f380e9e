-- The captions of a flush ($1 shard, $2 run, $3 lo, $4 token, $5 flush_no, $6 recipe, then arrays).
INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, dropped, flags, signature,
                      run_id, model, finish_reason, provider, prompt, tokens_in, tokens_cached,
                      tokens_out, tokens_reasoning, cost, calls, latency_ms)
SELECT t.shard_id, u.seed_id, $6::uuid, u.variant, u.hash, u.text, u.dropped,
       string_to_array(u.flags, ','), u.signature, t.run_id, u.model, u.finish_reason, u.provider,
       u.prompt, u.tokens_in, u.tokens_cached, u.tokens_out, u.tokens_reasoning, u.cost, u.calls,
       u.latency_ms
FROM tasks t,
     unnest($7::uuid[], $8::int[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::bytea[],
            $14::text[], $15::text[], $16::text[], $17::text[], $18::int[], $19::int[], $20::int[],
            $21::int[], $22::bigint[], $23::int[], $24::int[])
     u(seed_id, variant, hash, text, dropped, flags, signature, model, finish_reason, provider,
       prompt, tokens_in, tokens_cached, tokens_out, tokens_reasoning, cost, calls, latency_ms)
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'captions' AND t.lo = $3::uuid
  AND t.token = $4 AND t.flush_no = $5
ON CONFLICT DO NOTHING
