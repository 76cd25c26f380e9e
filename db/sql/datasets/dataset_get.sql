-- $1 caller, $2 name. One row: JSON.
SELECT {{dataset_json}}
FROM datasets d
WHERE {{mine}} AND d.name = $2::text
