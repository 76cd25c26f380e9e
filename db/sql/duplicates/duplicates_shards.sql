-- The number of shards of a dataset ($1).
SELECT shards FROM datasets WHERE number = $1
