-- Page of datasets by name. $1 owner, $2 name to start after, $3 rows. Rows: JSON, key.
SELECT {{dataset_brief_json}} || '}', d.name
FROM datasets d
WHERE d.owner = $1::text AND d.deleted_at IS NULL AND d.name > $2::text
ORDER BY d.name
LIMIT $3::bigint
