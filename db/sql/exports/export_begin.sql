-- Counts that work on a task of an export begins ($1 shard, $2 export, $3 stage, $4 lo, $5 token, $6 last
-- shard of its group). One row when the task is still held: the seeds of the group.
WITH held AS (
    UPDATE tasks SET attempts = attempts + 1, done = 0,
           total = (SELECT count(*) FROM seeds s WHERE s.shard_id BETWEEN $1 AND $6)
    WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
      AND token = $5 AND state = 'leased'
    RETURNING total
), begun AS (
    UPDATE exports x
    SET state = 'running', started_at = now(), updated_at = now(), revision = x.revision + 1
    FROM held
    WHERE x.export_id = $2::uuid AND x.state = 'queued'
)
SELECT total FROM held
