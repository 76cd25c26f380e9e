-- $1 owner, $2 name. One row: JSON.
SELECT {{dataset_json}}
FROM datasets d
WHERE d.owner = $1::text AND d.name = $2::text AND d.deleted_at IS NULL
