-- $1 shard. One row: how many seeds it has.
SELECT count(*) FROM seeds WHERE shard_id = $1
