-- A caption with its dialogues. $1 caller, $2 name, $3 seed, $4 hash in hex. Rows: JSON, or NULL when
-- there is no such caption; none without the dataset.
WITH {{dataset}}, at AS (
    SELECT {{shard_of}} AS shard_id, k.seed_id FROM ds, (SELECT $3::uuid AS seed_id) k
)
SELECT CASE WHEN c.seed_id IS NOT NULL THEN
       left({{caption_json}}::text, -1) || ', "dialogues" : ' || coalesce((
           SELECT json_agg({{dialogue_json}} ORDER BY d.task, d.recipe_id)
           FROM dialogues d
           WHERE d.shard_id = c.shard_id AND d.seed_id = c.seed_id
             AND d.caption_hash = c.hash)::text, '[]') || '}' END
FROM at LEFT JOIN captions c
     ON c.shard_id = at.shard_id AND c.seed_id = at.seed_id AND c.hash = decode($4::text, 'hex')
LIMIT 1
