-- Creates a dataset unless it is there. $1 owner, $2 name, $3 shards or NULL, $4 description or NULL.
-- One row: shards, description, JSON; none when somebody else created it at this very moment.
WITH made AS (
    INSERT INTO datasets (owner, name, shards, description)
    SELECT $1::text, $2::text, coalesce($3::integer, 16), coalesce($4::text, '')
    WHERE NOT EXISTS (SELECT FROM datasets
                      WHERE owner = $1 AND name = $2 AND deleted_at IS NULL)
    ON CONFLICT (owner, name) WHERE deleted_at IS NULL DO NOTHING
    RETURNING *
), d AS (
    SELECT * FROM made
    UNION ALL
    SELECT * FROM datasets WHERE owner = $1 AND name = $2 AND deleted_at IS NULL
)
SELECT d.shards, d.description, {{dataset_json}} FROM d
