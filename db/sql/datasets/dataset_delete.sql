-- Hides a dataset and opens one removal task per shard, unless a run works on it. Queued runs are
-- cancelled and reviews forgotten. $1 caller, $2 name. One row: the run that is in the way or NULL,
-- whether it was hidden.
WITH {{dataset}}, busy AS (
    SELECT r.run_id FROM runs r, ds
    WHERE r.dataset = ds.number AND r.state IN ('running', 'paused')
    LIMIT 1
), gone AS (
    UPDATE datasets SET deleted_at = now()
    WHERE number = (SELECT number FROM ds) AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM busy)
    RETURNING number, shards
), cancelled AS (
    UPDATE runs SET state = 'cancelled', finished_at = now(), updated_at = now(), revision = revision + 1
    WHERE dataset = (SELECT number FROM gone) AND state = 'queued'
    RETURNING run_id
), swept AS (
    DELETE FROM tasks t USING cancelled c WHERE t.run_id = c.run_id
), forgotten AS (
    DELETE FROM reviews WHERE dataset = (SELECT number FROM gone)
), opened AS (
    INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at)
    SELECT g.number * 65536 + shard, '00000000-0000-0000-0000-000000000000', 'delete',
           '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
           g.number, now()
    FROM gone g, generate_series(0, g.shards - 1) shard
    ON CONFLICT DO NOTHING
)
SELECT (SELECT replace(run_id::text, '-', '') FROM busy), EXISTS (SELECT FROM gone) FROM ds
