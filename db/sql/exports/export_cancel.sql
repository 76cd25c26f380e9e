-- Ends an open export at once; who works on it loses the lease. $1 caller, $2 export. One row: state, JSON,
-- whether the export was open.
WITH changed AS (
    UPDATE exports x
    SET state = 'cancelled', waiting = NULL, finished_at = now(), updated_at = now(),
        revision = x.revision + 1
    WHERE {{export_mine}} AND x.state IN ('queued', 'running')
    RETURNING x.*
), stopped AS (
    DELETE FROM tasks t USING changed c
    WHERE t.run_id = c.export_id AND t.stage IN ('export', 'manifest') AND t.state <> 'finished'
)
{{export_control}}
WHERE {{mine}}
