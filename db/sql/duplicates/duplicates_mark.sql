-- What the pass over duplicates has decided of captions of its run ($1 shard of the captions, $2 run,
-- $3 shard and $4 token of the task, under which alone it writes, $5 seeds, $6 recipes by their place
-- in the view, $7 variants, $8 the filters that drop them or NULL, $9 the ids that stay in their place
-- or NULL, $10 flags). What is as it should be is not written again.
UPDATE captions c
SET dropped = u.dropped, duplicate_of = u.duplicate_of,
    flags = array_remove(array_remove(c.flags, 'exact_duplicate'), 'near_duplicate')
            || string_to_array(u.flags, ',')
FROM runs r,
     unnest($5::uuid[], $6::int[], $7::int[], $8::text[], $9::text[], $10::text[])
         u(seed_id, recipe, variant, dropped, duplicate_of, flags)
WHERE r.run_id = $2::uuid AND c.shard_id = $1 AND c.seed_id = u.seed_id
  AND c.recipe_id = r.view[u.recipe] AND c.variant = u.variant AND c.run_id = $2::uuid
  AND (c.dropped IS DISTINCT FROM u.dropped OR c.duplicate_of IS DISTINCT FROM u.duplicate_of
       OR array_remove(array_remove(c.flags, 'exact_duplicate'), 'near_duplicate')
          || string_to_array(u.flags, ',') <> c.flags)
  AND EXISTS (SELECT FROM tasks t WHERE t.shard_id = $3 AND t.run_id = $2::uuid
              AND t.stage = 'duplicates' AND t.token = $4 AND t.state = 'leased')
