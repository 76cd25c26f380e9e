-- A page of the captions that a run's view picks, in the order of their keys ($1 shard, $2 run; to
-- start behind: $3 seed, $4 recipe, $5 variant). What this pass has dropped itself, before it was
-- interrupted, stands as it did. The text comes where a signature is missing.
-- result: binary
SELECT c.seed_id, c.recipe_id, c.variant::int, c.hash, c.run_id = $2::uuid AS mine,
       c.dropped IS NOT NULL OR c.flags && '{exact_duplicate,near_duplicate}' AS marked,
       array_position(r.view, c.recipe_id) AS place,
       CASE WHEN s.metadata ->> 'label' IS NOT NULL
            THEN hashtextextended((s.metadata ->> 'label') || E'\n' || coalesce(s.domain, ''), 1) END,
       hashtextextended(c.text, 0), c.signature, CASE WHEN c.signature IS NULL THEN c.text END
FROM runs r
JOIN LATERAL (
    SELECT c.*
    FROM captions c
    WHERE c.shard_id = $1
      AND (c.seed_id, c.recipe_id, c.variant) > ($3::uuid, $4::uuid, $5::smallint)
      AND c.recipe_id = ANY (r.view) AND NOT c.rejected
      AND (c.dropped IS NULL
           OR (c.run_id = $2::uuid AND c.dropped IN ('exact_duplicate', 'near_duplicate')))
      AND (cardinality(r.view) = 1 OR NOT EXISTS (
          SELECT FROM captions b
          WHERE b.shard_id = $1 AND b.seed_id = c.seed_id AND b.variant = c.variant
            AND NOT b.rejected
            AND (b.dropped IS NULL
                 OR (b.run_id = $2::uuid AND b.dropped IN ('exact_duplicate', 'near_duplicate')))
            AND array_position(r.view, b.recipe_id) < array_position(r.view, c.recipe_id)))
    ORDER BY c.seed_id, c.recipe_id, c.variant
    LIMIT 2000
) c ON true
LEFT JOIN seeds s ON s.shard_id = $1 AND s.seed_id = c.seed_id
WHERE r.run_id = $2::uuid
ORDER BY c.seed_id, c.recipe_id, c.variant
