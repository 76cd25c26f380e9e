-- How many captions the view $3 picks in each shard of a dataset ($1 first, $2 last shard_id): shard_id,
-- number.
SELECT c.shard_id, count(DISTINCT (c.seed_id, c.variant))
FROM captions c
WHERE c.shard_id BETWEEN $1 AND $2 AND c.recipe_id = ANY ($3::uuid[])
  AND c.dropped IS NULL AND NOT c.rejected
GROUP BY c.shard_id
ORDER BY c.shard_id
