-- CTE v: the caption recipes of the default view of ds in order: human first, then the newest.
v AS (
    SELECT coalesce(array_agg(x.recipe_id ORDER BY (r.kind = 'human') DESC, x.first_used DESC,
                              x.recipe_id), '{}') AS recipes
    FROM dataset_recipes x JOIN recipes r ON r.recipe_id = x.recipe_id
    WHERE x.dataset = (SELECT number FROM ds) AND r.stage = 'captions'
)
