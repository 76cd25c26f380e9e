-- CTE ds: the dataset of the caller ($1) with name $2, or no row. lo and hi are its first and last
-- shard_id.
ds AS (
    SELECT d.number, d.name, d.shards, d.vector_type, d.number * 65536 AS lo,
           d.number * 65536 + d.shards - 1 AS hi
    FROM datasets d
    WHERE {{mine}} AND d.name = $2::text
)
