-- Whether caption c is the one that the view v picks for its seed and variant: the first usable
-- one in the order of v.recipes.
(c.dropped IS NULL AND NOT c.rejected AND c.recipe_id = ANY (v.recipes)
 AND (cardinality(v.recipes) = 1 OR NOT EXISTS (
     SELECT FROM captions b
     WHERE b.shard_id = c.shard_id AND b.seed_id = c.seed_id AND b.variant = c.variant
       AND b.dropped IS NULL AND NOT b.rejected
       AND array_position(v.recipes, b.recipe_id) < array_position(v.recipes, c.recipe_id))))
