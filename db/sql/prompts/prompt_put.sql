-- Stores a prompt as the next version of its name, unless this content is there already. $1 caller,
-- $2 name, $3 stage, $4 content hash, $5 description, $6 system, $7 template, $8 tasks as JSON or
-- NULL. One row: the stage that the name belongs to when it is another one, in which case nothing is
-- stored, and the prompt's columns. A unique violation means that somebody else stored a version at
-- this very moment: to be repeated.
WITH mine AS MATERIALIZED (
    SELECT * FROM prompts WHERE owner = {{owner}} AND name = $2::text
), made AS (
    INSERT INTO prompts (name, version, owner, stage, hash, description, system, template, tasks)
    SELECT $2, (SELECT coalesce(max(version), 0) + 1 FROM mine), {{owner}}, $3::text, $4::text, $5::text,
           $6::text, $7::text, $8::text::json
    WHERE NOT EXISTS (SELECT FROM mine WHERE hash = $4 OR stage <> $3)
    RETURNING *
)
SELECT (SELECT stage FROM mine WHERE stage <> $3 LIMIT 1), {{prompt_columns}}
FROM (VALUES (0)) one(x)
     LEFT JOIN (SELECT * FROM made UNION ALL SELECT * FROM mine WHERE hash = $4) p ON true
