-- Page of captions. $1 caller, $2 name, key: $3 shard, $4 seed, $5 recipe, $6 variant; $7 run,
-- $8 recipe, $9 seed, each or NULL; $10 whether only what the default view picks; $11 outcome,
-- $12 rows, $13 whether only those without a verdict, $14 the filter that dropped them or NULL,
-- $15 fewest and $16 most characters, $17 source and $18 domain of the seed, each or NULL. Rows: JSON, key. One row of NULLs for an empty page, none without the dataset.
WITH {{dataset}}, {{view}}
SELECT p.item, p.key
FROM ds CROSS JOIN v LEFT JOIN LATERAL (
    SELECT {{caption_json}}::text AS item, {{caption_key}} AS key
    FROM captions c {{caption_labels}}
    WHERE {{captions_page}}
      AND (NOT $13::boolean OR c.verdict IS NULL)
      AND ($14::text IS NULL OR c.dropped = $14)
    ORDER BY c.shard_id, c.seed_id, c.recipe_id, c.variant
    LIMIT $12::bigint) p ON true
