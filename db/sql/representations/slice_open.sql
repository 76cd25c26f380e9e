-- What a walk over a dataset's rows holds on to. $1 caller, $2 name. One row: first shard_id,
-- number of shards, the recipes of the default view, the time; none without the dataset.
WITH {{dataset}}, {{view}}
SELECT ds.lo, ds.shards, v.recipes::text, now()::text FROM ds CROSS JOIN v
