-- result: binary
-- Page of a shard's dialogues, the columns of dialogue_json and dialogue_llava_json. $1 shard, $2 recipes
-- of the view, key: $3 seed, $4 caption hash, $5 task, $6 recipe; $7 run, $8 recipe, $9 task, each or
-- NULL; $10 whether only those of captions that the view picks, $11 format, $12 rows. Rows: seed, caption
-- hash, task, recipe, hash, conversations, turns, model, provider, prompt, calls, tokens in, cached, out
-- and reasoning, cost, latency, run, time, and for llava the caption's text.
SELECT d.seed_id, d.caption_hash, d.task, d.recipe_id, d.hash, d.conversations::text, d.turns, d.model,
       d.provider, d.prompt, d.calls, d.tokens_in, d.tokens_cached, d.tokens_out, d.tokens_reasoning,
       d.cost, d.latency_ms, d.run_id, d.created_at, CASE $11::text WHEN 'llava' THEN k.caption_text END
FROM (SELECT $2::uuid[] AS recipes) v, dialogues d LEFT JOIN LATERAL (
         SELECT c.text AS caption_text, {{picked}} AS picked
         FROM captions c
         WHERE c.shard_id = $1::bigint AND c.seed_id = d.seed_id AND c.hash = d.caption_hash
         LIMIT 1) k ON true
WHERE d.shard_id = $1
  AND (d.seed_id, d.caption_hash, d.task, d.recipe_id) > ($3::uuid, $4::bytea, $5::text, $6::uuid)
  AND ($7::uuid IS NULL OR d.run_id = $7)
  AND ($8::uuid IS NULL OR d.recipe_id = $8)
  AND ($9::text IS NULL OR d.task = $9)
  AND (NOT $10::boolean OR k.picked)
ORDER BY d.seed_id, d.caption_hash, d.task, d.recipe_id
LIMIT $12::bigint
