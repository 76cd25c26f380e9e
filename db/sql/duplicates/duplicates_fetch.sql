-- Captions by their keys, to compare them ($1 run, whose view numbers the recipes from 1, $2 shards,
-- $3 seeds, $4 recipes, $5 variants). Rows: the place in the arrays from 1, signature, the text where
-- that is missing, a digest of the text.
-- result: binary
SELECT u.place, c.signature, CASE WHEN c.signature IS NULL THEN c.text END,
       substr(sha256(convert_to(c.text, 'UTF8')), 1, 16)
FROM runs r,
     unnest($2::bigint[], $3::uuid[], $4::int[], $5::int[])
         WITH ORDINALITY u(shard_id, seed_id, recipe, variant, place)
JOIN captions c ON c.shard_id = u.shard_id AND c.seed_id = u.seed_id AND c.variant = u.variant
WHERE r.run_id = $1::uuid AND c.recipe_id = r.view[u.recipe]
