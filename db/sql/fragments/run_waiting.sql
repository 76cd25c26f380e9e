-- Why the open run r, which is w.id, does not get on, the first cause that applies: code, sentence and,
-- where it is one, the run or the provider; NULL when nothing is known to hold it up. What processes say
-- of the servers that they call is some seconds old at most.
(SELECT json_build_object('code', x.code, 'detail', x.detail, 'run', x.run, 'provider', x.provider)
 FROM (
    SELECT 1 AS place, 'stopping' AS code,
           'What is under way is finished and stored, then the run is '
           || CASE r.requested WHEN 'pause' THEN 'paused.' ELSE 'cancelled.' END AS detail,
           NULL AS run, NULL AS provider
    WHERE r.requested IS NOT NULL AND r.state = 'running'
    UNION ALL
    SELECT 2, CASE r.reason WHEN 'budget' THEN 'budget_reached' WHEN 'quality' THEN 'too_many_failures'
                            WHEN 'provider' THEN 'provider_stopped'
                            WHEN 'encoder-changed' THEN 'encoder_changed' ELSE 'paused_by_user' END,
           coalesce(r.reason_detail, 'Somebody paused the run: resume it.'), NULL, NULL
    WHERE r.state = 'paused'
    UNION ALL
    (SELECT 3, 'queued_behind', 'Run ' || replace(b.run_id::text, '-', '') || ' is ' || b.state
               || ' and has the same stages of the dataset: this one starts behind it.',
            replace(b.run_id::text, '-', ''), NULL
     FROM runs b
     WHERE r.state = 'queued' AND b.dataset = r.dataset AND b.state IN ('queued', 'running', 'paused')
       AND b.run_id <> r.run_id AND b.stages && r.stages
       AND (b.state <> 'queued' OR b.sequence < r.sequence)
     ORDER BY b.state = 'queued', b.sequence
     LIMIT 1)
    UNION ALL
    SELECT 4, 'no_worker', 'No process that works on runs has been heard of for 20 seconds.', NULL, NULL
    WHERE r.state IN ('queued', 'running')
      AND NOT EXISTS (SELECT FROM replicas p WHERE p.seen_at > now() - interval '20 seconds')
    UNION ALL
    (SELECT 5, k.value ->> 'code', k.value ->> 'detail', NULL, split_part(k.key, ':', 2)
     FROM replicas p, jsonb_each(p.waiting) k
     WHERE r.state IN ('queued', 'running') AND p.seen_at > now() - interval '20 seconds'
       AND (k.key = 'encoder:' || r.encoder_name
            OR k.key IN (SELECT 'provider:' || (q.value ->> 'name')
                         FROM (VALUES (r.caption_settings), (r.dialogue_settings)) AS c (settings),
                              json_array_elements(c.settings -> 'providers') q))
     ORDER BY k.value ->> 'code' DESC, k.key, p.name
     LIMIT 1)
    UNION ALL
    SELECT 6, 'model_unknown', 'The model server has not said yet which model it serves.', NULL, NULL
    WHERE r.state = 'queued' AND NOT {{run_resolved}}
    UNION ALL
    SELECT 7, 'comparing_duplicates',
           'The captions are being compared with each other for duplicates; what follows waits for that.',
           NULL, NULL
    WHERE r.state = 'running'
      AND EXISTS (SELECT FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'duplicates'
                  AND t.state <> 'finished')
 ) x
 ORDER BY x.place
 LIMIT 1)
