-- The dialogues of a flush ($1 shard, $2 run, $3 lo, $4 token, $5 flush_no, $6 recipe, then arrays).
INSERT INTO dialogues (shard_id, seed_id, caption_hash, task, recipe_id, hash, conversations, turns,
                       run_id, model, finish_reason, tokens_in, tokens_out)
SELECT t.shard_id, u.seed_id, u.caption_hash, u.task, $6::uuid, u.hash, u.conversations::json,
       u.turns, t.run_id, u.model, u.finish_reason, u.tokens_in, u.tokens_out
FROM tasks t,
     unnest($7::uuid[], $8::bytea[], $9::text[], $10::bytea[], $11::text[], $12::int[], $13::text[],
            $14::text[], $15::int[], $16::int[])
     u(seed_id, caption_hash, task, hash, conversations, turns, model, finish_reason, tokens_in,
       tokens_out)
WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'dialogues' AND t.lo = $3::uuid
  AND t.token = $4 AND t.flush_no = $5
ON CONFLICT DO NOTHING
