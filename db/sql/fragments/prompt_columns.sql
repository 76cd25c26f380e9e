-- Prompt p of an operator as columns, all NULL when there is none.
p.name, p.version, p.stage, p.hash, p.description, p.system, p.template,
p.tasks ->> 'multiple_choice', p.tasks ->> 'question_answering', p.tasks ->> 'complex_reasoning',
to_char(p.created_at AT TIME ZONE 'UTC', {{utc}})
