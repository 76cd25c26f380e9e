-- A page of the captions of shard $1 that a gap report draws its sample from: those that the view $5
-- picks and encoder $6 has embedded, behind seed $2, recipe $3, variant $4. Rows: seed, recipe,
-- variant, hash. The inner LIMIT keeps the join a walk in key order.
-- result: binary
SELECT c.seed_id, c.recipe_id, c.variant::int, c.hash
FROM captions c CROSS JOIN (SELECT $5::uuid[] AS recipes OFFSET 0) v CROSS JOIN LATERAL (
         SELECT FROM embeddings b
         WHERE b.shard_id = c.shard_id AND b.seed_id = c.seed_id AND b.caption_hash = c.hash
           AND b.encoder_id = $6::uuid
         LIMIT 1) e
WHERE c.shard_id = $1 AND (c.seed_id, c.recipe_id, c.variant) > ($2::uuid, $3::uuid, $4::smallint)
  AND {{picked}}
ORDER BY c.seed_id, c.recipe_id, c.variant
LIMIT 2000
