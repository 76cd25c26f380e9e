-- result: binary
-- Where a caption stands in its shard. $1 shard, $2 seed, $3 hash. Rows: seed, recipe, variant; none
-- without the caption.
SELECT c.seed_id, c.recipe_id, c.variant FROM captions c
WHERE c.shard_id = $1::bigint AND c.seed_id = $2::uuid AND c.hash = $3::bytea
LIMIT 1
