-- For seed s and run r: the caption that the run's view picks for each variant.
JOIN LATERAL (
    SELECT DISTINCT ON (k.variant) k.variant, k.hash, k.text
    FROM captions k
    WHERE k.shard_id = $1 AND k.seed_id = s.seed_id AND k.recipe_id = ANY (r.view)
      AND k.dropped IS NULL AND NOT k.rejected
    ORDER BY k.variant, array_position(r.view, k.recipe_id)
) c ON true
