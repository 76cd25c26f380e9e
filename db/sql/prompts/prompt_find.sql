-- An operator's prompt ($1 caller, $2 stage, $3 name, $4 version, 0 for the newest). One row: name,
-- version, system, template, the three tasks' texts; none without it.
SELECT p.name, p.version, p.system, p.template, p.tasks ->> 'multiple_choice',
       p.tasks ->> 'question_answering', p.tasks ->> 'complex_reasoning'
FROM prompts p
WHERE p.owner = {{owner}} AND p.stage = $2::text AND p.name = $3::text
  AND ($4::integer = 0 OR p.version = $4)
ORDER BY p.version DESC
LIMIT 1
