-- A dialogue. $1 caller, $2 name, $3 seed, $4 caption hash and $5 dialogue hash in hex, $6 format.
-- Rows: JSON, or NULL when there is no such dialogue; none without the dataset.
WITH {{dataset}}, at AS (
    SELECT {{shard_of}} AS shard_id, k.seed_id FROM ds, (SELECT $3::uuid AS seed_id) k
)
SELECT p.item
FROM at LEFT JOIN LATERAL (
    SELECT CASE $6::text WHEN 'llava' THEN {{dialogue_llava_json}} ELSE {{dialogue_json}} END::text
               AS item
    FROM dialogues d LEFT JOIN LATERAL (
             SELECT c.text AS caption_text
             FROM captions c
             WHERE c.shard_id = d.shard_id AND c.seed_id = d.seed_id AND c.hash = d.caption_hash
             LIMIT 1) k ON true
    WHERE d.shard_id = at.shard_id AND d.seed_id = at.seed_id
      AND d.caption_hash = decode($4::text, 'hex') AND d.hash = decode($5::text, 'hex')
    LIMIT 1) p ON true
