-- A prompt, and a seed to show it with. $1 caller, $2 dataset or NULL, $3 seed or NULL, $4 prompt,
-- $5 version or NULL for the newest. One row: whether there is the dataset, the seed's text, domain,
-- source and label, the text of its caption that the default view picks, then the prompt's columns.
WITH {{dataset}}, {{view}}, at AS (
    SELECT {{shard_of}} AS shard_id, k.seed_id FROM ds, (SELECT $3::uuid AS seed_id) k
)
SELECT EXISTS (SELECT FROM ds), s.text, s.domain, s.source,
       CASE json_typeof(s.metadata -> 'label') WHEN 'string' THEN s.metadata ->> 'label' END,
       picked.text, {{prompt_columns}}
FROM (VALUES (0)) one(x)
LEFT JOIN LATERAL (
    SELECT s.* FROM at JOIN seeds s ON s.shard_id = at.shard_id AND s.seed_id = at.seed_id) s ON true
LEFT JOIN LATERAL (
    SELECT c.text
    FROM at JOIN captions c ON c.shard_id = at.shard_id AND c.seed_id = at.seed_id CROSS JOIN v
    WHERE {{picked}}
    ORDER BY c.variant LIMIT 1) picked ON true
LEFT JOIN LATERAL (
    SELECT p.* FROM prompts p
    WHERE p.owner = {{owner}} AND p.name = $4::text AND ($5::integer IS NULL OR p.version = $5)
    ORDER BY p.version DESC LIMIT 1) p ON true
