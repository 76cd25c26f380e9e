-- Every item of a dialogues task ($1 shard, $2 run, $3 lo): the captions of the view that the mix
-- chooses for a task, each task on its own, by SHA-256("dialogue:" task || caption id).
(SELECT * FROM tasks
 WHERE shard_id = $1 AND run_id = $2::uuid AND stage = 'dialogues' AND lo = $3::uuid OFFSET 0) t
{{task_seeds}}
{{run_view}}
JOIN LATERAL unnest(r.mix_tasks, r.mix_bounds) m(task, bound)
    ON sha256(convert_to('dialogue:' || m.task || replace(s.seed_id::text, '-', '') || '-'
                         || encode(c.hash, 'hex'), 'UTF8')) < m.bound
LEFT JOIN LATERAL (
    SELECT x.run_id FROM dialogues x
    WHERE x.shard_id = $1 AND x.seed_id = s.seed_id AND x.caption_hash = c.hash
      AND x.task = m.task AND x.recipe_id = r.dialogue_recipe
    LIMIT 1
) d ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT x.put_back THEN x.run_id END AS run_id, x.retry FROM failures x
    WHERE x.shard_id = $1 AND x.run_id = $2::uuid AND x.stage = 'dialogues' AND x.seed_id = s.seed_id
      AND x.item = encode(c.hash, 'hex') || ':' || m.task
    LIMIT 1
) f ON true
{{retry_items}}
