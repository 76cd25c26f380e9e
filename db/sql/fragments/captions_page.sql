-- Whether caption c with its labels o stands behind the page's key and meets its filters: parameters 3
-- to 11 and 15 to 18 of the lists of captions.
(c.shard_id, c.seed_id, c.recipe_id, c.variant) > (ds.lo + $3::bigint, $4::uuid, $5::uuid, $6::smallint)
AND c.shard_id <= ds.hi
AND {{captions_filter}}
