-- Cuts the selected seeds of a shard that are there now into ranges, as tasks of the run's first
-- stages; in a retry only the ranges with something that was put back, around that alone ($1 shard, $2 run, $3 token of the plan task, $4 seeds in a range).
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, seeds, token)
SELECT $1, $2::uuid, n.stage, part.ids[1], part.ids[array_upper(part.ids, 1)], part.dataset, now(),
       array_length(part.ids, 1), {{first_token}}
FROM (
    SELECT array_agg(m.seed_id ORDER BY m.seed_id) AS ids, m.dataset
    FROM (
        SELECT s.seed_id, t.dataset,
               row_number() OVER (ORDER BY s.seed_id) AS n,
               CASE WHEN r.seed_limit IS NULL OR r.retry > 0 THEN NULL ELSE t.seeds END AS quota,
               r.retry = 0 OR EXISTS (
                   SELECT FROM failures f
                   WHERE f.shard_id = $1 AND f.run_id = $2::uuid AND f.seed_id = s.seed_id
                     AND f.stage IN ('captions', 'dialogues', 'representations')
                     AND f.retry = r.retry) AS wanted
        FROM tasks t
        JOIN runs r ON r.run_id = $2::uuid
        JOIN seeds s ON s.shard_id = $1 AND s.created_at <= now() AND {{run_selects}}
        WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'plan' AND t.token = $3
          AND t.state = 'leased'
    ) m
    WHERE m.wanted AND (m.quota IS NULL OR m.n <= m.quota)
    GROUP BY (m.n - 1) / $4::bigint, m.dataset
) part
JOIN runs r ON r.run_id = $2::uuid
JOIN (VALUES ('captions', 'captions'), ('dialogues', 'dialogues'), ('embed', 'representations'))
    n(stage, name)
    ON n.name = ANY (r.stages) AND (n.name = 'captions' OR NOT 'captions' = ANY (r.stages))
ON CONFLICT DO NOTHING
