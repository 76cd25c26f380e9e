-- Gives an export ($1) up, and what is left to do for it: $2 is the reason.
WITH failed AS (
    UPDATE exports SET state = 'failed', reason = $2::text, waiting = NULL, finished_at = now(),
           updated_at = now(), revision = revision + 1
    WHERE export_id = $1::uuid AND state IN ('queued', 'running')
    RETURNING export_id
)
DELETE FROM tasks t USING failed f
WHERE t.run_id = f.export_id AND t.stage IN ('export', 'manifest')
