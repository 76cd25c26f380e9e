-- Freezes the recipes of a run whose served models are known now, under the lease of its resolve task
-- ($1 shard, $2 run, $3 lo, $4 token, $5 captions and $6 dialogues as {recipe, kind, canonical,
-- settings} or NULL).
WITH held AS (
    SELECT t.dataset FROM tasks t
    WHERE t.shard_id = $1 AND t.run_id = $2::uuid AND t.stage = 'resolve' AND t.lo = $3::uuid
      AND t.token = $4 AND t.state = 'leased'
), stage AS (
    SELECT held.dataset, (p.doc ->> 'recipe')::uuid AS recipe_id, p.stage, p.doc ->> 'kind' AS kind,
           p.doc -> 'canonical' AS canonical
    FROM held, (VALUES ('captions', $5::json), ('dialogues', $6::json)) AS p (stage, doc)
    WHERE p.doc IS NOT NULL
), recipe AS (
    INSERT INTO recipes (recipe_id, stage, kind, settings)
    SELECT recipe_id, stage, kind, canonical FROM stage
    ON CONFLICT DO NOTHING
), used AS (
    INSERT INTO dataset_recipes (dataset, recipe_id)
    SELECT dataset, recipe_id FROM stage
    ON CONFLICT DO NOTHING
)
UPDATE runs r
SET caption_recipe = ($5::json ->> 'recipe')::uuid, caption_settings = $5::json -> 'settings',
    dialogue_recipe = ($6::json ->> 'recipe')::uuid, dialogue_settings = $6::json -> 'settings',
    updated_at = now(), revision = r.revision + 1
FROM held
WHERE r.run_id = $2::uuid AND r.state = 'queued'
RETURNING r.run_id
