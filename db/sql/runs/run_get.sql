-- $1 caller, $2 run, $3 whether the JSON may be left out while the run is queued or running: whoever
-- waits needs the state alone, which is cheap. One row: state, JSON or NULL.
SELECT r.state,
       CASE WHEN $3::boolean AND r.state IN ('queued', 'running') THEN NULL
            ELSE {{run_json}}::text END
FROM runs r JOIN datasets d ON d.number = r.dataset
WHERE r.run_id = $2::uuid AND {{mine}}
