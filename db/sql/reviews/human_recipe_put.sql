-- Makes a revision of the recipe `human` one of a dataset's. $1 dataset, $2 recipe, $3 its settings.
-- Later revisions come first in the view, whatever the clock does.
WITH recipe AS (
    INSERT INTO recipes (recipe_id, stage, kind, settings)
    SELECT $2::uuid, 'captions', 'human', $3::text::json
    ON CONFLICT DO NOTHING
)
INSERT INTO dataset_recipes (dataset, recipe_id, first_used)
SELECT $1::bigint, $2,
       greatest(now(), (SELECT max(x.first_used) + interval '1 microsecond'
                        FROM dataset_recipes x JOIN recipes p ON p.recipe_id = x.recipe_id
                        WHERE x.dataset = $1 AND p.kind = 'human'))
WHERE NOT EXISTS (SELECT FROM dataset_recipes x WHERE x.dataset = $1 AND x.recipe_id = $2)
ON CONFLICT DO NOTHING
