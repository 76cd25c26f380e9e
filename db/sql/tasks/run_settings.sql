-- What a worker needs to know of a run ($1).
SELECT dataset, caption_settings, dialogue_settings, representation_settings,
       encode(uuid_send(caption_recipe), 'hex'), encode(uuid_send(dialogue_recipe), 'hex'),
       encode(uuid_send(encoder_id), 'hex'), encoder_name, state, requested,
       to_json(stages), variants, budget_cost IS NOT NULL, budget_tokens IS NOT NULL,
       extract(epoch FROM deadline - now())::float8, filters,
       (SELECT n.dimension FROM encoders n WHERE n.encoder_id = runs.encoder_id),
       (SELECT d.vector_type FROM datasets d WHERE d.number = runs.dataset),
       retry
FROM runs WHERE run_id = $1::uuid
