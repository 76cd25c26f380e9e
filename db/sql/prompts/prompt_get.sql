-- An operator's prompt. $1 caller, $2 name, $3 version or NULL for the newest. One row of its columns,
-- or none.
SELECT {{prompt_columns}}
FROM prompts p
WHERE p.owner = {{owner}} AND p.name = $2::text AND ($3::integer IS NULL OR p.version = $3)
ORDER BY p.version DESC
LIMIT 1
