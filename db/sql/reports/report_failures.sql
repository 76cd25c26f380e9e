-- Failures of shard $1 of dataset $2, of run $3 or NULL; with recipe $4 those of runs that worked
-- under it. Rows: stage, reason, provider, number, calls, tokens in, tokens out, cost.
-- result: binary
SELECT f.stage, f.reason, f.provider, count(*), sum(f.calls), sum(f.tokens_in), sum(f.tokens_out),
       sum(f.cost)::bigint
FROM failures f
WHERE f.shard_id = $1 AND NOT f.put_back AND ($3::uuid IS NULL OR f.run_id = $3)
  AND ($4::uuid IS NULL
       OR (f.stage = 'captions' AND f.run_id IN (SELECT r.run_id FROM runs r
                                                 WHERE r.dataset = $2 AND r.caption_recipe = $4))
       OR (f.stage = 'dialogues' AND f.run_id IN (SELECT r.run_id FROM runs r
                                                  WHERE r.dataset = $2 AND r.dialogue_recipe = $4)))
GROUP BY f.stage, f.reason, f.provider
