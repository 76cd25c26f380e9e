-- A page of usable captions of shard $1 behind seed $2, recipe $3, variant $4; of run $5 or NULL, of
-- recipe $6 or NULL; $7 whether only what the view $8 picks. Rows: seed, recipe, variant, hash, text,
-- whether the offline composer wrote it.
-- result: binary
SELECT c.seed_id, c.recipe_id, c.variant::int, c.hash, c.text,
       c.provider = 'offline' OR c.model = 'offline-composer-1'
FROM captions c CROSS JOIN (SELECT $8::uuid[] AS recipes OFFSET 0) v
WHERE c.shard_id = $1 AND (c.seed_id, c.recipe_id, c.variant) > ($2::uuid, $3::uuid, $4::smallint)
  AND c.dropped IS NULL AND NOT c.rejected
  AND ($5::uuid IS NULL OR c.run_id = $5)
  AND ($6::uuid IS NULL OR c.recipe_id = $6)
  AND (NOT $7::boolean OR {{picked}})
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT 2000
