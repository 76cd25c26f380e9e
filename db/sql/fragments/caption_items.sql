-- Every item of a captions task, with its result and its failure where there is one.
{{task_seeds}} AND t.stage = 'captions'
CROSS JOIN generate_series(0, r.variants - 1) v(variant)
LEFT JOIN captions d ON d.shard_id = $1 AND d.seed_id = s.seed_id
    AND d.recipe_id = r.caption_recipe AND d.variant = v.variant
LEFT JOIN failures f ON f.shard_id = $1 AND f.run_id = $2::uuid AND f.stage = 'captions'
    AND f.seed_id = s.seed_id AND f.item = v.variant::text
