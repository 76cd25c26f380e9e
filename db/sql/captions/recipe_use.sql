-- Says that a dataset has captions of an imported recipe. $1 caller, $2 name, $3 recipe, $4 its
-- canonical JSON. One row, or none without the dataset.
WITH {{dataset}}, recipe AS (
    INSERT INTO recipes (recipe_id, stage, kind, settings)
    SELECT $3::uuid, 'captions', 'imported', $4::text::json FROM ds
    ON CONFLICT DO NOTHING
), used AS (
    INSERT INTO dataset_recipes (dataset, recipe_id)
    SELECT ds.number, $3 FROM ds
    ON CONFLICT DO NOTHING
)
SELECT 1 FROM ds
