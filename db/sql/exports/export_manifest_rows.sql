-- What the manifest of an export ($1) says beside its files, each as JSON text: dataset's name, trial,
-- include, formats, request, counts, recipes, encoder, transfer
-- (NULL without representations), then what its steps follow from.
WITH x AS (
    SELECT * FROM exports WHERE export_id = $1::uuid
), tallies AS (
    SELECT t.tally FROM tasks t WHERE t.run_id = $1::uuid AND t.stage = 'export'
), counted AS (
    SELECT v.recipe, 'captions' AS stage, v.place,
           coalesce((SELECT sum((tally -> 'recipes' ->> (v.place - 1)::int)::bigint) FROM tallies), 0) AS rows
    FROM x, unnest(x.view) WITH ORDINALITY AS v (recipe, place)
    UNION ALL
    SELECT v.recipe, 'dialogues', v.place,
           coalesce((SELECT sum((tally -> 'dialogue_recipes' ->> (v.place - 1)::int)::bigint)
                     FROM tallies), 0)
    FROM x, unnest(x.dialogue_view) WITH ORDINALITY AS v (recipe, place)
), providers AS (
    SELECT p.value ->> 'provider' AS provider, sum((p.value ->> 'captions')::bigint) AS captions,
           sum((p.value ->> 'dialogues')::bigint) AS dialogues
    FROM tallies, jsonb_array_elements(tally -> 'providers') p
    GROUP BY p.value ->> 'provider'
), sums AS (
    SELECT coalesce(sum((tally ->> 'captions')::bigint), 0) AS captions,
           coalesce(sum((tally ->> 'dialogues')::bigint), 0) AS dialogues,
           coalesce(sum((tally ->> 'representations')::bigint), 0) AS representations,
           coalesce(sum((tally -> 'tasks' ->> 0)::bigint), 0) AS multiple_choice,
           coalesce(sum((tally -> 'tasks' ->> 1)::bigint), 0) AS question_answering,
           coalesce(sum((tally -> 'tasks' ->> 2)::bigint), 0) AS complex_reasoning,
           coalesce(sum((tally ->> 'no_representation')::bigint), 0) AS no_representation,
           coalesce(sum((tally ->> 'unfit')::bigint), 0) AS unfit
    FROM tallies
)
SELECT d.name, x.trial, to_json(x.include)::text, to_json(x.formats)::text,
       json_strip_nulls({{export_request}})::text,
       json_build_object(
           'captions', s.captions, 'dialogues', s.dialogues, 'representations', s.representations,
           'tasks', json_build_object('multiple_choice', s.multiple_choice,
                                      'question_answering', s.question_answering,
                                      'complex_reasoning', s.complex_reasoning),
           'recipes', coalesce((SELECT json_agg(json_build_object(
                                    'recipe', replace(c.recipe::text, '-', ''), 'stage', c.stage,
                                    'rows', c.rows) ORDER BY c.stage, c.place)
                                FROM counted c WHERE c.rows > 0), '[]'),
           'providers', coalesce((SELECT json_agg(json_build_object(
                                      'provider', p.provider, 'captions', p.captions,
                                      'dialogues', p.dialogues) ORDER BY p.provider)
                                  FROM providers p), '[]'),
           'left_out', json_build_object('no_representation', s.no_representation,
                                         'unfit', s.unfit))::text,
       coalesce((SELECT json_agg(json_build_object(
                     'recipe', replace(c.recipe::text, '-', ''), 'stage', c.stage, 'kind', r.kind,
                     'settings', r.settings) ORDER BY c.stage, c.place)
                 FROM counted c JOIN recipes r ON r.recipe_id = c.recipe
                 WHERE c.rows > 0), '[]')::text,
       (SELECT json_build_object(
            'id', replace(e.encoder_id::text, '-', ''), 'name', e.name, 'kind', e.kind,
            'model', e.model, 'revision', e.revision, 'weights', e.weights, 'version', e.version,
            'dimension', e.dimension)::text
        FROM encoders e WHERE e.encoder_id = x.encoder_id),
       tr.*
FROM sums s, x JOIN datasets d ON d.number = x.dataset
     LEFT JOIN LATERAL (
         SELECT {{transfer_json}}::text AS item, {{transfer_columns}}
         FROM transfers t {{transfer_parts}}
         WHERE t.transfer_id = x.transfer_id) tr ON true
