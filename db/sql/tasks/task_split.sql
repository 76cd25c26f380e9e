-- Halves the range of a task that keeps killing its workers
-- ($1 shard, $2 run, $3 stage, $4 lo, $5 token). No row comes back when it is down to one seed.
WITH member AS (
    SELECT s.seed_id, row_number() OVER (ORDER BY s.seed_id) AS n, count(*) OVER () AS total
    FROM tasks t
    JOIN seeds s ON s.shard_id = $1 AND s.seed_id BETWEEN t.lo AND t.hi
        AND s.created_at <= t.planned_at
    WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = $3 AND t.lo = $4::uuid
      AND t.token = $5
), cut AS (
    SELECT (SELECT seed_id FROM member WHERE n = total / 2) AS last_left,
           (SELECT seed_id FROM member WHERE n = total / 2 + 1) AS first_right,
           (SELECT max(total) FROM member) AS total
), halved AS (
    UPDATE tasks t
    SET hi = cut.last_left, seeds = cut.total / 2, state = 'ready', attempts = 0,
        lease_until = NULL, total = NULL, token = t.token + 1
    FROM cut, (SELECT hi FROM tasks WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3
               AND lo = $4::uuid) before
    WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = $3 AND t.lo = $4::uuid
      AND t.token = $5 AND t.state = 'leased' AND cut.total > 1
    RETURNING t.dataset, t.planned_at, t.token, cut.first_right, before.hi AS hi,
              cut.total - cut.total / 2 AS seeds
)
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, seeds, token)
SELECT $1, $2::uuid, $3, first_right, hi, dataset, planned_at, seeds, token FROM halved
ON CONFLICT DO NOTHING
RETURNING 1
