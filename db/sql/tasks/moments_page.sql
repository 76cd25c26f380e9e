-- The embeddings of the captions that a run's view picks, for a page of a shard's seeds in order
-- ($1 shard, $2 run, $3 seed to start behind), if they were made before the sums were begun. Seeds
-- without one come with a NULL vector, so that the last row always says where the next page starts.
-- result: binary
SELECT s.seed_id, e.vector
FROM runs r
JOIN tasks k ON k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = 'moments'
             AND k.lo = '00000000-0000-0000-0000-000000000000'
JOIN LATERAL (SELECT seed_id FROM seeds WHERE shard_id = $1 AND seed_id > $3::uuid
              ORDER BY seed_id LIMIT 1000) s ON true
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (p.variant) p.variant, p.hash
    FROM captions p
    WHERE p.shard_id = $1 AND p.seed_id = s.seed_id AND p.recipe_id = ANY (r.view)
      AND p.dropped IS NULL AND NOT p.rejected
    ORDER BY p.variant, array_position(r.view, p.recipe_id)
) c ON true
LEFT JOIN LATERAL (
    SELECT x.vector FROM embeddings x
    WHERE x.shard_id = $1 AND x.seed_id = s.seed_id AND x.caption_hash = c.hash
      AND x.encoder_id = r.encoder_id AND x.created_at <= k.planned_at
    LIMIT 1
) e ON true
WHERE r.run_id = $2::uuid
ORDER BY s.seed_id, c.variant
