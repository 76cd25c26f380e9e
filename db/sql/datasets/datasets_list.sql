-- Page of datasets by name. $1 caller, $2 name to start after, $3 rows. Rows: JSON, key.
SELECT {{dataset_brief_json}} || '}', d.name
FROM datasets d
WHERE {{mine}} AND d.name > $2::text
ORDER BY d.name
LIMIT $3::bigint
