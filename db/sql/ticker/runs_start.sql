-- Starts the queued runs that nothing blocks: freezes their view (human first, then the newest
-- recipe; a retry has it already) and opens one plan task per shard, with the shard's quota where the run has a limit: the
-- lowest ids of each shard, filled evenly ($1 ticker token).
WITH started AS (
    UPDATE runs r
    SET state = 'running', started_at = coalesce(r.started_at, now()), updated_at = now(), revision = r.revision + 1,
        active_since = now(),
        view = CASE WHEN r.retry > 0 THEN r.view ELSE ARRAY(SELECT d.recipe_id FROM dataset_recipes d JOIN recipes p USING (recipe_id)
                     WHERE d.dataset = r.dataset AND p.stage = 'captions'
                     ORDER BY (p.kind = 'human') DESC, d.first_used DESC, d.recipe_id) END
    WHERE r.state = 'queued' AND r.requested IS NULL AND {{ticker_holds}}
      AND EXISTS (SELECT 1 FROM datasets d WHERE d.number = r.dataset AND d.deleted_at IS NULL)
      AND {{run_resolved}} AND NOT {{run_blocked}}
    RETURNING r.*
), quota AS (
    SELECT q.run_id, q.shard_id, count(*) AS seeds
    FROM (
        SELECT r.run_id, shard.id AS shard_id,
               row_number() OVER (PARTITION BY r.run_id ORDER BY s.n, shard.id) AS place,
               r.seed_limit
        FROM started r
        JOIN datasets d ON d.number = r.dataset
        CROSS JOIN LATERAL (SELECT r.dataset * 65536 + g AS id
                            FROM generate_series(0, d.shards - 1) g) shard
        CROSS JOIN LATERAL (
            SELECT row_number() OVER (ORDER BY s.seed_id) AS n
            FROM seeds s
            WHERE s.shard_id = shard.id AND {{run_selects}}
            ORDER BY s.seed_id LIMIT r.seed_limit
        ) s
        WHERE r.seed_limit IS NOT NULL AND r.retry = 0
    ) q
    WHERE q.place <= q.seed_limit
    GROUP BY q.run_id, q.shard_id
)
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, seeds, token)
SELECT r.dataset * 65536 + g, r.run_id, 'plan', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', r.dataset, now(), coalesce(q.seeds, 0),
       {{first_token}}
FROM started r
JOIN datasets d ON d.number = r.dataset
CROSS JOIN LATERAL generate_series(0, d.shards - 1) g
LEFT JOIN quota q ON q.run_id = r.run_id AND q.shard_id = r.dataset * 65536 + g
ON CONFLICT DO NOTHING
RETURNING run_id
