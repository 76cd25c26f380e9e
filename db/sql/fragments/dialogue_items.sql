-- Every item of a dialogues task: the captions of the view that the mix chooses for a task, each
-- task on its own, by SHA-256("dialogue:" task || caption id).
{{task_seeds}} AND t.stage = 'dialogues'
{{run_view}}
JOIN LATERAL unnest(r.mix_tasks, r.mix_bounds) m(task, bound)
    ON sha256(convert_to('dialogue:' || m.task || replace(s.seed_id::text, '-', '') || '-'
                         || encode(c.hash, 'hex'), 'UTF8')) < m.bound
LEFT JOIN dialogues d ON d.shard_id = $1 AND d.seed_id = s.seed_id AND d.caption_hash = c.hash
    AND d.task = m.task AND d.recipe_id = r.dialogue_recipe
LEFT JOIN failures f ON f.shard_id = $1 AND f.run_id = $2::uuid AND f.stage = 'dialogues'
    AND f.seed_id = s.seed_id AND f.item = encode(c.hash, 'hex') || ':' || m.task
