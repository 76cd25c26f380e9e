-- result: binary
-- Page of embeddings of the captions that the default view picks. $1 caller, $2 name, key: $3 shard,
-- $4 seed, $5 recipe, $6 variant; $7 encoder, $8 rows. Rows: caption id, vector (float16), key. One
-- row of NULLs for an empty page, none without the dataset. The inner LIMIT keeps the join a walk in
-- key order: without it the planner joins whole tables by hash and sorts.
WITH {{dataset}}, {{view}}
SELECT p.id, p.vector, p.key
FROM ds CROSS JOIN v LEFT JOIN LATERAL (
    SELECT replace(c.seed_id::text, '-', '') || '-' || encode(c.hash, 'hex') AS id, e.vector,
           concat_ws('|', c.shard_id - ds.lo, c.seed_id, c.recipe_id, c.variant) AS key
    FROM captions c CROSS JOIN LATERAL (
             SELECT b.vector FROM embeddings b
             WHERE b.shard_id = c.shard_id AND b.seed_id = c.seed_id AND b.caption_hash = c.hash
               AND b.encoder_id = $7::uuid
             LIMIT 1) e
    WHERE (c.shard_id, c.seed_id, c.recipe_id, c.variant)
          > (ds.lo + $3::bigint, $4::uuid, $5::uuid, $6::smallint)
      AND c.shard_id <= ds.hi
      AND {{picked}}
    ORDER BY c.shard_id, c.seed_id, c.recipe_id, c.variant
    LIMIT $8::bigint) p ON true
