-- result: binary
-- Page of a shard's captions, the columns of caption_json. $1 shard, $2 recipes of the view, $3 verdict
-- or NULL, key: $4 seed, $5 recipe, $6 variant; $7 to $11 and $13 to $18 as in captions_list, $12 rows.
-- Rows: seed, recipe, variant, hash, text, model, finish reason, provider, prompt, calls, tokens in,
-- cached, out and reasoning, cost, latency, flags as JSON, filter that dropped it, what it duplicates,
-- verdict, reviewer and time of review, what it corrects, review, run, time.
SELECT c.seed_id, c.recipe_id, c.variant, c.hash, c.text, c.model, c.finish_reason, c.provider, c.prompt,
       c.calls, c.tokens_in, c.tokens_cached, c.tokens_out, c.tokens_reasoning, c.cost, c.latency_ms,
       CASE WHEN c.flags = '{}' THEN '[]' ELSE to_json(c.flags)::text END,
       c.dropped, c.duplicate_of, c.verdict, c.reviewer, c.reviewed_at, c.corrects,
       CASE WHEN c.corrects IS NOT NULL THEN c.run_id END,
       CASE WHEN c.corrects IS NULL THEN nullif(c.run_id, '00000000-0000-0000-0000-000000000000') END,
       c.created_at
FROM (SELECT $2::uuid[] AS recipes) v, captions c {{caption_labels}}
WHERE c.shard_id = $1::bigint
  AND (c.seed_id, c.recipe_id, c.variant) > ($4::uuid, $5::uuid, $6::smallint)
  AND {{captions_filter}}
  AND ($3::text IS NULL OR c.verdict = $3)
  AND (NOT $13::boolean OR c.verdict IS NULL)
  AND ($14::text IS NULL OR c.dropped = $14)
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT $12::bigint
