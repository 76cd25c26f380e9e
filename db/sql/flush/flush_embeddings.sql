-- The embeddings of a flush ($1 shard, $2 run, $3 lo, $4 token, $5 flush_no, $6 encoder, arrays).
INSERT INTO embeddings (shard_id, seed_id, caption_hash, encoder_id, vector, run_id, tokens_in,
                        truncated)
SELECT t.shard_id, u.seed_id, u.caption_hash, $6::uuid, u.vector, t.run_id, u.tokens_in,
       u.truncated <> 0
FROM tasks t,
     unnest($7::uuid[], $8::bytea[], $9::bytea[], $10::int[], $11::int[])
         u(seed_id, caption_hash, vector, tokens_in, truncated)
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'embed' AND t.lo = $3::uuid
  AND t.token = $4 AND t.flush_no = $5
ON CONFLICT DO NOTHING
