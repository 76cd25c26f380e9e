-- Asks a running run to pause; a queued one is paused at once. $1 caller, $2 run. One row: state,
-- JSON, whether the run was open.
WITH changed AS (
    UPDATE runs r
    SET state = CASE WHEN r.state = 'queued' THEN 'paused' ELSE r.state END,
        reason = CASE WHEN r.state = 'queued' THEN 'user' ELSE r.reason END,
        requested = CASE WHEN r.state = 'running' THEN coalesce(r.requested, 'pause')
                         ELSE r.requested END,
        updated_at = now(), revision = r.revision + (r.state <> 'paused')::integer
    WHERE {{run_mine}} AND r.state IN ('queued', 'running', 'paused')
    RETURNING r.*
)
{{run_control}}
WHERE {{mine}}
