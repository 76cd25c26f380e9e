-- A page of the captions of shard $1 that a report measures: behind seed $2, recipe $3, variant $4; of
-- run $5 or NULL, of recipe $6 or NULL; $7 whether only what the view $8 picks. Rows: seed, recipe,
-- variant, hash, text, whether the offline composer wrote it, signature or NULL.
-- result: binary
SELECT c.seed_id, c.recipe_id, c.variant::int, c.hash, c.text,
       c.provider = 'offline' OR c.model = 'offline-composer-1', c.signature
FROM captions c CROSS JOIN (SELECT $8::uuid[] AS recipes OFFSET 0) v
WHERE c.shard_id = $1 AND {{report_measured}}
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT 2000
