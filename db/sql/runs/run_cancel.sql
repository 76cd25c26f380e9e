-- Asks a running run to end; a queued or paused one, on which nobody works, ends at once
-- and its tasks with it. $1 caller, $2 run. One row: state, JSON, whether the run was open.
WITH changed AS (
    UPDATE runs r
    SET state = CASE WHEN r.state = 'running' THEN r.state ELSE 'cancelled' END,
        requested = CASE WHEN r.state = 'running' THEN 'cancel' END,
        summary = CASE WHEN r.state <> 'running' THEN {{run_stages}} END,
        finished_at = CASE WHEN r.state <> 'running' THEN now() END,
        updated_at = now(), revision = r.revision + 1
    WHERE {{run_mine}} AND r.state IN ('queued', 'running', 'paused')
    RETURNING r.*
), swept AS (
    DELETE FROM tasks t USING changed c WHERE t.run_id = c.run_id AND c.state = 'cancelled'
), parts AS (
    DELETE FROM moments_parts m USING changed c WHERE m.run_id = c.run_id AND c.state = 'cancelled'
)
{{run_control}}
WHERE {{mine}}
