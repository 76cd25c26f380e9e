-- Hides an export; who works on it loses the lease. Its files are removed later. $1 caller, $2 export. One
-- row, or none without the export.
WITH gone AS (
    UPDATE exports x
    SET deleted_at = now(), updated_at = now(), revision = x.revision + 1, waiting = NULL,
        state = CASE WHEN x.state IN ('queued', 'running') THEN 'cancelled' ELSE x.state END,
        finished_at = coalesce(x.finished_at, now())
    WHERE {{export_mine}}
    RETURNING x.export_id
), stopped AS (
    DELETE FROM tasks t USING gone g WHERE t.run_id = g.export_id AND t.stage IN ('export', 'manifest')
)
SELECT 1 FROM gone
