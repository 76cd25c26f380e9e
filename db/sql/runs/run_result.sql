-- What a run that ended has made. $1 caller, $2 run. One row: whether it is final, JSON; none without
-- the run.
SELECT r.state IN ('succeeded', 'failed', 'cancelled'),
       left(json_build_object(
           'run', w.id,
           'state', r.state,
           'stages', w.stages,
           'recipes', coalesce((
               SELECT json_agg(json_build_object(
                          'recipe', replace(p.recipe_id::text, '-', ''),
                          'stage', p.stage,
                          'kind', p.kind,
                          'model', coalesce(p.settings ->> 'model', ''),
                          'settings', p.settings) ORDER BY p.stage)
               FROM recipes p WHERE p.recipe_id IN (r.caption_recipe, r.dialogue_recipe)), '[]'),
           'moments', coalesce((
               SELECT json_agg(json_build_object(
                          'id', replace(m.moments_id::text, '-', ''),
                          'count', m.count,
                          'mean', to_json(m.mean),
                          'trace', m.trace,
                          'encoder', e.name) ORDER BY m.created_at, m.moments_id)
               FROM moments m JOIN encoders e ON e.encoder_id = m.encoder_id
               WHERE m.dataset = r.dataset AND m.run_id = r.run_id), '[]'),
           'transfers', coalesce((
               SELECT json_agg(json_build_object(
                          'id', replace(t.transfer_id::text, '-', ''),
                          'method', t.method) ORDER BY t.created_at, t.transfer_id)
               FROM transfers t
               WHERE t.dataset = r.dataset AND t.run_id = r.run_id AND t.state = 'ready'), '[]'),
           'failures', coalesce((SELECT sum(x.failed)
                                 FROM json_to_recordset(w.stages) AS x (failed bigint)), 0),
           'links', {{run_links}})::text, -1)
       || coalesce(', "filters" : ' || r.filters::text, '') || '}'
FROM runs r JOIN datasets d ON d.number = r.dataset,
     LATERAL (SELECT replace(r.run_id::text, '-', '') AS id,
                     coalesce(r.summary, {{run_stages}}) AS stages
              OFFSET 0) w
WHERE r.run_id = $2::uuid AND {{mine}}
