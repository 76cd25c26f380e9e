-- result: binary
-- Page of a shard's captions with an embedding. $1 shard, key: $2 seed, $3 recipe, $4 variant; $5
-- encoder, $6 recipes of the view, $7 whether only what the view picks, $8 run that made the embeddings
-- and $9 recipe of the captions, each or NULL, $10 the time after which embeddings are not seen,
-- $11 whether with vectors, $12 rows. Rows: seed, hash, vector or NULL, recipe, variant.
SELECT c.seed_id, c.hash, e.vector, c.recipe_id, c.variant::int
FROM (SELECT $6::uuid[] AS recipes) v, captions c CROSS JOIN LATERAL (
    SELECT CASE WHEN $11::boolean THEN b.vector END AS vector
    FROM embeddings b
    WHERE b.shard_id = $1::bigint AND b.seed_id = c.seed_id AND b.caption_hash = c.hash
      AND b.encoder_id = $5::uuid AND b.created_at <= $10::timestamptz
      AND ($8::uuid IS NULL OR b.run_id = $8)
    LIMIT 1) e
WHERE c.shard_id = $1 AND (c.seed_id, c.recipe_id, c.variant) > ($2::uuid, $3::uuid, $4::smallint)
  AND ($9::uuid IS NULL OR c.recipe_id = $9)
  AND c.dropped IS NULL AND NOT c.rejected
  AND (NOT $7::boolean OR {{picked}})
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT $12::bigint
