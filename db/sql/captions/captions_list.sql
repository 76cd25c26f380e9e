-- Page of captions. $1 owner, $2 name, key: $3 shard, $4 seed, $5 recipe, $6 variant; $7 run,
-- $8 recipe, $9 seed, each or NULL; $10 whether only what the default view picks; $11 outcome,
-- $12 rows. Rows: JSON, key. One row of NULLs for an empty page, none without the dataset.
WITH {{dataset}}, {{view}}
SELECT p.item, p.key
FROM ds CROSS JOIN v LEFT JOIN LATERAL (
    SELECT {{caption_json}}::text AS item,
           concat_ws('|', c.shard_id - ds.lo, c.seed_id, c.recipe_id, c.variant) AS key
    FROM captions c
    WHERE (c.shard_id, c.seed_id, c.recipe_id, c.variant)
          > (ds.lo + $3::bigint, $4::uuid, $5::uuid, $6::smallint)
      AND c.shard_id <= ds.hi
      AND ($7::uuid IS NULL OR c.run_id = $7)
      AND ($8::uuid IS NULL OR c.recipe_id = $8)
      AND ($9::uuid IS NULL OR c.seed_id = $9)
      AND CASE $11::text WHEN 'usable' THEN c.dropped IS NULL AND NOT c.rejected
                         WHEN 'dropped' THEN c.dropped IS NOT NULL
                         ELSE true END
      AND (NOT $10::boolean OR {{picked}})
    ORDER BY c.shard_id, c.seed_id, c.recipe_id, c.variant
    LIMIT $12::bigint) p ON true
