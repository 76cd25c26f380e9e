-- Creates a dataset unless it is there. $1 caller, $2 name, $3 shards or NULL, $4 description or NULL,
-- $5 vector type or NULL, $6 whether it may be created. One row: whether the caller may see a dataset of
-- that name, then shards, description, vector type and JSON, NULL when it may not be created or somebody
-- else created it at this very moment; whether it was there.
WITH may AS (
    SELECT {{within}} AS may FROM (SELECT $2::text AS name) d
), made AS (
    INSERT INTO datasets (owner, name, shards, description, vector_type)
    SELECT {{owner}}, $2, coalesce($3::integer, 16), coalesce($4::text, ''),
           coalesce($5::text, 'float16')
    FROM may
    WHERE may AND $6::boolean AND NOT EXISTS (SELECT FROM datasets d WHERE {{mine}} AND d.name = $2)
    ON CONFLICT (owner, name) WHERE deleted_at IS NULL DO NOTHING
    RETURNING *
), there AS (
    SELECT * FROM made
    UNION ALL
    SELECT d.* FROM datasets d WHERE {{mine}} AND d.name = $2
)
SELECT may.may, d.shards, d.description, d.vector_type, {{dataset_json}},
       NOT EXISTS (SELECT FROM made)
FROM may LEFT JOIN there d ON true
