-- Of run r, for each task of dialogues how many are asked for and how many there are, with b.tasks as
-- they were before a retry. What a mix asks for is known when its ranges have been loaded.
(SELECT json_object_agg(m.task, json_build_object(
            'asked', coalesce(r.targets[m.place], x.chosen + x.asked),
            'got', x.got) ORDER BY m.place)
 FROM unnest(r.mix_tasks) WITH ORDINALITY m(task, place),
      LATERAL (SELECT coalesce(sum((t.tally -> 'tasks' -> m.task ->> 'chosen')::bigint), 0) AS chosen,
                      coalesce(sum((t.tally -> 'tasks' -> m.task ->> 'got')::bigint), 0)
                          + coalesce((b.tasks -> m.task ->> 'got')::bigint, 0) AS got,
                      coalesce((b.tasks -> m.task ->> 'asked')::bigint, 0) AS asked
               FROM tasks t
               WHERE t.run_id = r.run_id AND t.stage = 'dialogues') x)
