-- The recipes that dataset $1 has seen: id, stage, kind.
SELECT replace(r.recipe_id::text, '-', ''), r.stage, r.kind
FROM dataset_recipes x JOIN recipes r ON r.recipe_id = x.recipe_id
WHERE x.dataset = $1
ORDER BY r.stage, x.first_used, x.recipe_id
