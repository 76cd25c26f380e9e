-- Whether runs go on ($1 run ids): those that do come back.
-- result: binary
SELECT run_id FROM runs
WHERE run_id = ANY ($1::uuid[]) AND state IN ('queued', 'running') AND requested IS NULL
