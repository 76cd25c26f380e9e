-- The usable captions of the view $4 of the seeds of shard $1 behind $2 and up to $3, in the order of the
-- primary key. Rows: seed, variant, hash, place of the recipe in the view (from 1), recipe, text (empty
-- unless $8), whether it is of $5 and more and of $6 and fewer characters and has verdict $7, each or
-- NULL; then provider, model, prompt.
-- result: binary
SELECT c.seed_id, c.variant::int, c.hash, array_position($4::uuid[], c.recipe_id), c.recipe_id,
       CASE WHEN $8::boolean THEN c.text ELSE '' END,
       ($5::bigint IS NULL OR char_length(c.text) >= $5)
       AND ($6::bigint IS NULL OR char_length(c.text) <= $6)
       AND ($7::text IS NULL OR c.verdict IS NOT DISTINCT FROM $7),
       c.provider, c.model, c.prompt
FROM captions c
WHERE c.shard_id = $1 AND c.seed_id > $2::uuid AND c.seed_id <= $3::uuid
  AND c.recipe_id = ANY ($4::uuid[]) AND c.dropped IS NULL AND NOT c.rejected
ORDER BY c.seed_id, c.recipe_id, c.variant
