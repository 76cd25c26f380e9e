-- Asks a running run to end; a queued or paused one, on which nobody works, ends at once. $1 owner,
-- $2 run. One row: state, JSON, whether the run was open.
WITH changed AS (
    UPDATE runs r
    SET state = CASE WHEN r.state = 'running' THEN r.state ELSE 'cancelled' END,
        reason = 'user',
        reason_detail = NULL,
        requested = CASE WHEN r.state = 'running' THEN 'cancel' END,
        summary = CASE WHEN r.state <> 'running' THEN {{run_stages}} END,
        finished_at = CASE WHEN r.state <> 'running' THEN now() END,
        updated_at = now()
    WHERE {{run_mine}} AND r.state IN ('queued', 'running', 'paused')
    RETURNING r.*
)
{{run_control}}
WHERE d.owner = $1 AND d.deleted_at IS NULL
