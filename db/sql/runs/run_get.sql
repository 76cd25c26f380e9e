-- $1 owner, $2 run. One row: state, JSON.
SELECT r.state, {{run_json}}::text
FROM runs r JOIN datasets d ON d.number = r.dataset
WHERE r.run_id = $2::uuid AND d.owner = $1::text AND d.deleted_at IS NULL
