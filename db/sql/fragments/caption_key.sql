-- The place of caption c of dataset ds in lists of captions.
concat_ws('|', c.shard_id - ds.lo, c.seed_id, c.recipe_id, c.variant)
