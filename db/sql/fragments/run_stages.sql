-- The stages of run r with their counts, as a JSON array. A range's total is known once it has been
-- loaded; until then it is estimated from its seeds, and so is a later stage's range that waits for
-- an earlier stage (its seeds are those of the first stage's tasks without its own). What the pass over
-- duplicates drops counts with the captions. What was counted before a retry is added.
(SELECT json_agg(json_strip_nulls(json_build_object(
        'name', s.name,
        'recipe', replace(s.recipe::text, '-', ''),
        'encoder', s.encoder,
        'encoder_id', replace(s.encoder_id::text, '-', ''),
        'provider', s.provider,
        'total', n.total + coalesce(b.total, 0)
                 + greatest(0, round((first_stage.seeds - n.seeds) * s.per_seed)::bigint),
        'done', n.done + coalesce(b.done, 0),
        'failed', n.failed + coalesce(b.failed, 0),
        'existing', n.existing + coalesce(b.existing, 0),
        'dropped', n.dropped + coalesce(b.dropped, 0),
        'truncated', nullif(coalesce(n.truncated, 0) + coalesce(b.truncated, 0), 0),
        'filters', f.filters,
        'tasks', CASE WHEN s.name = 'dialogues' THEN {{run_asked}} END,
        'usage', u.usage)) ORDER BY s.place)
 FROM (VALUES
        (1, 'captions', 'captions', 'duplicates', r.caption_recipe, NULL, NULL::uuid,
         r.caption_settings ->> 'provider', r.variants::float8),
        (2, 'dialogues', 'dialogues', NULL, r.dialogue_recipe, NULL, NULL,
         r.dialogue_settings ->> 'provider',
         r.variants * (SELECT sum(m.value::text::float8)
                       FROM json_each(r.dialogue_settings -> 'mix') m)),
        (3, 'representations', 'embed', NULL, NULL, r.encoder_name, r.encoder_id, NULL,
         r.variants::float8)
      ) AS s (place, name, task_stage, pass, recipe, encoder, encoder_id, provider, per_seed)
      LEFT JOIN LATERAL (
        SELECT * FROM json_to_recordset(r.base)
             AS x (name text, total bigint, done bigint, failed bigint, existing bigint,
                   dropped bigint, truncated bigint, filters json, tasks json, usage json)
        WHERE x.name = s.name) b ON true,
      LATERAL (
        SELECT coalesce(sum(coalesce(t.total::float8, t.seeds * s.per_seed)), 0)::bigint AS total,
               coalesce(sum(t.seeds), 0) AS seeds,
               coalesce(sum(t.done), 0) AS done,
               coalesce(sum(t.failed), 0) AS failed,
               coalesce(sum(t.existing), 0) AS existing,
               coalesce(sum(t.dropped), 0) AS dropped,
               sum((t.tally ->> 'truncated')::bigint) AS truncated
        FROM tasks t
        WHERE t.run_id = r.run_id AND t.stage IN (s.task_stage, s.pass)) n,
      LATERAL (
        SELECT json_object_agg(x.name, json_build_object('flagged', x.flagged, 'dropped', x.dropped)
                               ORDER BY x.name) AS filters
        FROM (SELECT y.name, sum(y.flagged) AS flagged, sum(y.dropped) AS dropped
              FROM (
              SELECT h.hits ->> 'filter' AS name, sum((h.hits ->> 'flagged')::bigint) AS flagged,
                     sum((h.hits ->> 'dropped')::bigint) AS dropped
              FROM tasks t, jsonb_array_elements(t.tally -> 'filters') h (hits)
              WHERE t.run_id = r.run_id AND t.stage IN (s.task_stage, s.pass)
              GROUP BY h.hits ->> 'filter'
              UNION ALL
              SELECT k.key, (k.value ->> 'flagged')::bigint, (k.value ->> 'dropped')::bigint
              FROM json_each(b.filters) k) y
             GROUP BY y.name) x) f,
      LATERAL (
        SELECT json_agg(json_build_object(
                   'provider', x.provider,
                   'calls', x.calls,
                   'wasted_calls', x.wasted,
                   'unknown_calls', x.unknown,
                   'tokens_in', x.tokens_in,
                   'tokens_cached', x.tokens_cached,
                   'tokens_out', x.tokens_out,
                   'tokens_reasoning', x.tokens_reasoning,
                   'cost_usd', x.cost::float8 / 1e9) ORDER BY x.provider) AS usage
        FROM (
            SELECT y.provider, sum(y.calls) AS calls, sum(y.wasted) AS wasted,
                   sum(y.unknown) AS unknown, sum(y.tokens_in) AS tokens_in,
                   sum(y.tokens_cached) AS tokens_cached, sum(y.tokens_out) AS tokens_out,
                   sum(y.tokens_reasoning) AS tokens_reasoning, sum(y.cost) AS cost
            FROM (
                SELECT l.line ->> 'provider' AS provider,
                       (l.line ->> 'calls')::bigint AS calls,
                       (l.line ->> 'wasted')::bigint AS wasted,
                       (l.line ->> 'unknown')::bigint AS unknown,
                       (l.line ->> 'tokens_in')::bigint AS tokens_in,
                       (l.line ->> 'tokens_cached')::bigint AS tokens_cached,
                       (l.line ->> 'tokens_out')::bigint AS tokens_out,
                       (l.line ->> 'tokens_reasoning')::bigint AS tokens_reasoning,
                       (l.line ->> 'cost')::bigint AS cost
                FROM tasks t, jsonb_array_elements(t.tally -> 'usage') AS l (line)
                WHERE t.run_id = r.run_id AND t.stage = s.task_stage
                UNION ALL
                SELECT o.provider, o.calls, o.wasted_calls, o.unknown_calls, o.tokens_in,
                       o.tokens_cached, o.tokens_out, o.tokens_reasoning,
                       round(o.cost_usd * 1e9)::bigint
                FROM json_to_recordset(b.usage)
                     AS o (provider text, calls bigint, wasted_calls bigint, unknown_calls bigint,
                           tokens_in bigint, tokens_cached bigint, tokens_out bigint,
                           tokens_reasoning bigint, cost_usd float8)) y
            GROUP BY y.provider) x) u,
      LATERAL (
        SELECT coalesce(sum(t.seeds), 0) AS seeds
        FROM tasks t
        WHERE t.run_id = r.run_id
          AND t.stage = CASE WHEN 'captions' = ANY (r.stages) THEN 'captions'
                             WHEN 'dialogues' = ANY (r.stages) THEN 'dialogues'
                             ELSE 'embed' END) first_stage
 WHERE s.name = ANY (r.stages))
