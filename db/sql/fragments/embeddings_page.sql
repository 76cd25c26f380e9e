-- Of o (view, encoder_id, until), the embeddings made until then of the usable captions that the view
-- picks, for a page of a shard's seeds in order ($1 shard, $3 seed to start behind). Seeds without one
-- come with a NULL vector, so that the last row always says where the next page starts.
JOIN LATERAL (SELECT seed_id FROM seeds WHERE shard_id = $1 AND seed_id > $3::uuid
              ORDER BY seed_id LIMIT 1000) s ON true
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (k.variant) k.variant, k.hash
    FROM captions k
    WHERE k.shard_id = $1 AND k.seed_id = s.seed_id AND k.recipe_id = ANY (o.view)
      AND k.dropped IS NULL AND NOT k.rejected
    ORDER BY k.variant, array_position(o.view, k.recipe_id)
) c ON true
LEFT JOIN LATERAL (
    SELECT x.vector FROM embeddings x
    WHERE x.shard_id = $1 AND x.seed_id = s.seed_id AND x.caption_hash = c.hash
      AND x.encoder_id = o.encoder_id AND x.created_at <= o.until
    LIMIT 1
) e ON true
