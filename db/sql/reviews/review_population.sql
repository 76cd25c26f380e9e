-- What a sample is drawn from. $1 caller, $2 name. One row: first shard_id, number of shards, the
-- recipes of the default view in order; none without the dataset.
WITH {{dataset}}, {{view}}
SELECT ds.lo, ds.shards, v.recipes FROM ds CROSS JOIN v
