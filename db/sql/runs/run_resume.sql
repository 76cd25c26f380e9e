-- Lets a paused run go on, or takes back a pause that has not taken hold. One that had not started
-- queues again. $1 caller, $2 run, $3 cost, $4 tokens and $5 deadline of a new budget, each NULL where
-- the old one stays. One row: state, JSON, whether the run was open.
WITH changed AS (
    UPDATE runs r
    SET state = CASE WHEN r.state <> 'paused' THEN r.state
                     WHEN r.active_since IS NULL THEN 'queued'
                     ELSE 'running' END,
        reason = CASE WHEN r.state = 'paused' OR r.requested = 'pause' THEN NULL ELSE r.reason END,
        reason_detail = CASE WHEN r.state = 'paused' OR r.requested = 'pause' THEN NULL
                             ELSE r.reason_detail END,
        requested = nullif(r.requested, 'pause'),
        active_since = CASE WHEN r.state = 'paused' AND r.active_since IS NOT NULL THEN now()
                            ELSE r.active_since END,
        budget_cost = coalesce($3::bigint, r.budget_cost),
        budget_tokens = coalesce($4::bigint, r.budget_tokens),
        deadline = coalesce($5::timestamptz, r.deadline),
        updated_at = now(), revision = r.revision + 1
    WHERE {{run_mine}} AND r.state IN ('queued', 'running', 'paused')
    RETURNING r.*
)
{{run_control}}
WHERE {{mine}}
