-- Creates a dataset unless it is there. $1 owner, $2 name, $3 shards or NULL, $4 description or NULL,
-- $5 vector type or NULL. One row: shards, description, vector type, JSON; none when somebody else created it at this very moment.
WITH made AS (
    INSERT INTO datasets (owner, name, shards, description, vector_type)
    SELECT $1::text, $2::text, coalesce($3::integer, 16), coalesce($4::text, ''),
           coalesce($5::text, 'float16')
    WHERE NOT EXISTS (SELECT FROM datasets
                      WHERE owner = $1 AND name = $2 AND deleted_at IS NULL)
    ON CONFLICT (owner, name) WHERE deleted_at IS NULL DO NOTHING
    RETURNING *
), d AS (
    SELECT * FROM made
    UNION ALL
    SELECT * FROM datasets WHERE owner = $1 AND name = $2 AND deleted_at IS NULL
)
SELECT d.shards, d.description, d.vector_type, {{dataset_json}} FROM d
