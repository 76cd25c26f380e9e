-- The embeddings that text moments were summed over, for a page of a shard's seeds in order
-- ($1 shard, $2 moments, $3 seed to start behind): those of the usable captions of their view that were
-- there then. Seeds without one come with a NULL vector, so that the last row always says where the
-- next page starts.
-- result: binary
SELECT s.seed_id, e.vector
FROM moments m
JOIN LATERAL (SELECT seed_id FROM seeds WHERE shard_id = $1 AND seed_id > $3::uuid
              ORDER BY seed_id LIMIT 1000) s ON true
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (k.variant) k.variant, k.hash
    FROM captions k
    WHERE k.shard_id = $1 AND k.seed_id = s.seed_id AND k.recipe_id = ANY (m.view)
      AND k.dropped IS NULL AND NOT k.rejected
    ORDER BY k.variant, array_position(m.view, k.recipe_id)
) c ON true
LEFT JOIN LATERAL (
    SELECT x.vector FROM embeddings x
    WHERE x.shard_id = $1 AND x.seed_id = s.seed_id AND x.caption_hash = c.hash
      AND x.encoder_id = m.encoder_id AND x.created_at <= m.created_at
    LIMIT 1
) e ON true
WHERE m.moments_id = $2::uuid
ORDER BY s.seed_id, c.variant
