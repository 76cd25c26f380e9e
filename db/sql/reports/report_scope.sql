-- What a report is about. $1 caller, $2 name, $3 run or NULL, $4 recipe or NULL. One row: the
-- dataset's number and shards, the recipes of the default view (uuid[] as text), whether the run is
-- the dataset's, its dialogue recipe, whether the dataset has seen the recipe, how many runs are at
-- work; none without the dataset.
WITH {{dataset}}, {{view}}
SELECT ds.number, ds.shards, v.recipes::text,
       r.run_id IS NOT NULL, replace(r.dialogue_recipe::text, '-', ''),
       EXISTS (SELECT FROM dataset_recipes x WHERE x.dataset = ds.number AND x.recipe_id = $4::uuid),
       (SELECT count(*) FROM runs o WHERE o.dataset = ds.number AND o.state = 'running')
FROM ds CROSS JOIN v LEFT JOIN runs r ON r.run_id = $3::uuid AND r.dataset = ds.number
