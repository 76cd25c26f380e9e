-- A worker asks that a run be paused; one that has not started is paused at once
-- ($1 run, $2 reason, $3 detail).
UPDATE runs SET requested = CASE state WHEN 'running' THEN 'pause' END,
       state = CASE state WHEN 'queued' THEN 'paused' ELSE state END,
       reason = $2, reason_detail = $3, updated_at = now(), revision = revision + 1
WHERE run_id = $1::uuid AND state IN ('queued', 'running') AND requested IS NULL
