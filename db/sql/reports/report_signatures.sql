-- A page of the captions of report_texts, with the same parameters. Rows: seed, recipe, variant, hash,
-- signature or NULL.
-- result: binary
SELECT c.seed_id, c.recipe_id, c.variant::int, c.hash, c.signature
FROM captions c CROSS JOIN (SELECT $8::uuid[] AS recipes OFFSET 0) v
WHERE c.shard_id = $1 AND {{report_measured}}
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT 4000
