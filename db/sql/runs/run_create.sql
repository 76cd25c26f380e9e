-- Queues a run. $1 caller, $2 name, $3 run id, $4 stages, $5 selection, $6 limit or NULL,
-- $7 max_failed, $8 the request, $9 captions and $10 dialogues as {recipe, kind, canonical, settings}
-- or NULL, of which recipe, kind and canonical are missing while a served model is unknown,
-- $11 variants, $12 mix tasks, $13 mix bounds, $14 encoder as {name, settings} or NULL, whose version
-- is found when it is first asked, $15 items of a pilot, $16 cost,
-- $17 tokens and $18 deadline of the budget, each or NULL, $19 filters or NULL, $20 whether later
-- stages wait until duplicates are dropped, $21 numbers of dialogues by mix task, $22 rounds of making
-- up for those that fail, $23 labels, $24 the id that the same request would have had yesterday, $25 the
-- caller's key or NULL, $26 how many runs it may have in flight or NULL. One row: JSON, id or NULL when
-- it has that many, whether the run was there; none without the dataset. A unique violation means that
-- another run took the sequence number or the slot, or the same request the id: to be repeated.
WITH {{dataset}}, flying AS (
    SELECT o.key_slot FROM runs o
    WHERE o.key_id = $25::text AND o.state IN ('queued', 'running', 'paused')
), slot AS (
    SELECT (SELECT n FROM generate_series(1, $26::integer) n
            WHERE (SELECT count(*) FROM flying) < $26::integer
              AND NOT EXISTS (SELECT FROM flying f WHERE f.key_slot = n)
            ORDER BY random() LIMIT 1) AS n
), stage AS (
    SELECT ds.number AS dataset, (p.doc ->> 'recipe')::uuid AS recipe_id, p.stage,
           p.doc ->> 'kind' AS kind, p.doc -> 'canonical' AS canonical
    FROM ds, slot, (VALUES ('captions', $9::json), ('dialogues', $10::json)) AS p (stage, doc)
    WHERE p.doc -> 'recipe' IS NOT NULL AND ($26::integer IS NULL OR slot.n IS NOT NULL)
), recipe AS (
    INSERT INTO recipes (recipe_id, stage, kind, settings)
    SELECT recipe_id, stage, kind, canonical FROM stage
    ON CONFLICT DO NOTHING
), used AS (
    INSERT INTO dataset_recipes (dataset, recipe_id)
    SELECT dataset, recipe_id FROM stage
    ON CONFLICT DO NOTHING
), there AS (
    SELECT o.* FROM runs o JOIN ds ON o.dataset = ds.number
    WHERE o.run_id = $3::uuid
       OR (o.run_id = $24::uuid AND o.created_at > now() - interval '24 hours')
), made AS (
    INSERT INTO runs (run_id, dataset, sequence, state, stages, selection, seed_limit, max_failed,
                      request, caption_recipe, caption_settings, variants, dialogue_recipe,
                      dialogue_settings, mix_tasks, mix_bounds, encoder_name,
                      representation_settings, dry_run, budget_cost, budget_tokens, deadline,
                      filters, barrier, targets, top_up, labels, key_id, key_slot)
    SELECT $3::uuid, ds.number,
           (SELECT coalesce(max(o.sequence), 0) + 1 FROM runs o WHERE o.dataset = ds.number),
           'queued', $4::text[], $5::text::jsonb, $6::bigint, $7::double precision, $8::text::json,
           ($9::json ->> 'recipe')::uuid, $9::json -> 'settings', $11::integer,
           ($10::json ->> 'recipe')::uuid, $10::json -> 'settings', $12::text[], $13::bytea[],
           $14::json ->> 'name', $14::json -> 'settings',
           $15::integer, $16::bigint, $17::bigint, $18::timestamptz, $19::text::json, $20::boolean,
           $21::bigint[], $22::integer, $23::text::jsonb, $25::text, slot.n
    FROM ds, slot
    WHERE NOT EXISTS (SELECT FROM there) AND ($26::integer IS NULL OR slot.n IS NOT NULL)
    RETURNING *
), r AS (
    SELECT * FROM there UNION ALL SELECT * FROM made
)
SELECT {{run_json}}::text, encode(uuid_send(r.run_id), 'hex'), EXISTS (SELECT FROM there) FROM (SELECT name FROM ds) d LEFT JOIN r ON true
