-- Of run r, for each task of dialogues how many are asked for and how many there are. What a mix asks
-- for is known when its ranges have been loaded.
(SELECT json_object_agg(m.task, json_build_object(
            'asked', coalesce(r.targets[m.place], x.chosen, 0),
            'got', coalesce(x.got, 0)) ORDER BY m.place)
 FROM unnest(r.mix_tasks) WITH ORDINALITY m(task, place),
      LATERAL (SELECT sum((t.tally -> 'tasks' -> m.task ->> 'chosen')::bigint) AS chosen,
                      sum((t.tally -> 'tasks' -> m.task ->> 'got')::bigint) AS got
               FROM tasks t
               WHERE t.run_id = r.run_id AND t.stage = 'dialogues') x)
