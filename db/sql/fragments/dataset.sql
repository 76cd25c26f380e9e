-- CTE ds: the dataset with owner $1 and name $2, or no row. lo and hi are its first and last shard_id.
ds AS (
    SELECT number, name, shards, vector_type, number * 65536 AS lo, number * 65536 + shards - 1 AS hi
    FROM datasets
    WHERE owner = $1::text AND name = $2::text AND deleted_at IS NULL
)
