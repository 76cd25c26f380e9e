-- The last seed of a page of shard $1 that begins behind seed $2, and how many it has; NULL at the end.
-- result: binary
SELECT (array_agg(seed_id))[count(*)], count(*)
FROM (SELECT seed_id FROM seeds WHERE shard_id = $1 AND seed_id > $2::uuid
      ORDER BY seed_id LIMIT 1000) s
