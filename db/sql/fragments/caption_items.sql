-- Every item of a captions task ($1 shard, $2 run, $3 lo), with its result and its failure where there
-- is one; in a retry those alone that were put back.
(SELECT * FROM tasks
 WHERE shard_id = $1 AND run_id = $2::uuid AND stage = 'captions' AND lo = $3::uuid OFFSET 0) t
{{task_seeds}}
CROSS JOIN generate_series(0, r.variants - 1) v(variant)
LEFT JOIN LATERAL (
    SELECT x.run_id, x.dropped FROM captions x
    WHERE x.shard_id = $1 AND x.seed_id = s.seed_id AND x.recipe_id = r.caption_recipe
      AND x.variant = v.variant
    LIMIT 1
) d ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT x.put_back THEN x.run_id END AS run_id, x.retry FROM failures x
    WHERE x.shard_id = $1 AND x.run_id = $2::uuid AND x.stage = 'captions' AND x.seed_id = s.seed_id
      AND x.item = v.variant::text
    LIMIT 1
) f ON true
JOIN LATERAL (SELECT WHERE r.retry = 0 OR f.retry = r.retry) o ON true
