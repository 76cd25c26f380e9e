-- The rest of a statement whose CTE `changed` updates the run, which the caller ($1) may see and has
-- id $2: state, JSON, whether it was open, how often it was retried. No row without the run.
SELECT r.state, {{run_json}}::text, r.open, r.retry
FROM (SELECT c.*, true AS open FROM changed c
      UNION ALL
      SELECT o.*, false FROM runs o WHERE o.run_id = $2::uuid AND NOT EXISTS (SELECT FROM changed)) r
     JOIN datasets d ON d.number = r.dataset
