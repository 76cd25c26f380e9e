-- Whether caption c is measured and lies behind seed $2, recipe $3, variant $4: usable, of run $5 or
-- NULL, of recipe $6 or NULL; $7 whether only what the view v picks.
(c.seed_id, c.recipe_id, c.variant) > ($2::uuid, $3::uuid, $4::smallint)
AND c.dropped IS NULL AND NOT c.rejected
AND ($5::uuid IS NULL OR c.run_id = $5)
AND ($6::uuid IS NULL OR c.recipe_id = $6)
AND (NOT $7::boolean OR {{picked}})
