-- A worker asks that a run be paused ($1 run, $2 reason, $3 detail).
UPDATE runs SET requested = 'pause', reason = $2, reason_detail = $3, updated_at = now()
WHERE run_id = $1::uuid AND state = 'running' AND requested IS NULL
