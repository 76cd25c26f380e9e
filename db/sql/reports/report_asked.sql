-- What run $1 asked of each task of its dialogues: task, number or NULL, share of the captions or
-- NULL.
SELECT m.task, r.targets[array_position(r.mix_tasks, m.task)],
       (r.dialogue_settings -> 'mix' ->> m.task)::float8
FROM runs r, unnest('{multiple_choice,question_answering,complex_reasoning}'::text[]) m(task)
WHERE r.run_id = $1::uuid AND 'dialogues' = ANY (r.stages)
