-- result: binary
-- Page of a shard's captions. $1 shard, $2 recipes of the view, $3 verdict or NULL, key: $4 seed,
-- $5 recipe, $6 variant; $7 to $11 and $13 to $18 as in captions_list, $12 rows. Rows: JSON, seed,
-- recipe, variant.
SELECT {{caption_json}}::text, c.seed_id, c.recipe_id, c.variant
FROM (SELECT $2::uuid[] AS recipes) v, captions c {{caption_labels}}
WHERE c.shard_id = $1::bigint
  AND (c.seed_id, c.recipe_id, c.variant) > ($4::uuid, $5::uuid, $6::smallint)
  AND {{captions_filter}}
  AND ($3::text IS NULL OR c.verdict = $3)
  AND (NOT $13::boolean OR c.verdict IS NULL)
  AND ($14::text IS NULL OR c.dropped = $14)
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT $12::bigint
