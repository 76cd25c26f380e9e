-- Page of dialogues. $1 caller, $2 name, key: $3 shard, $4 seed, $5 caption hash in hex, $6 task,
-- $7 recipe; $8 run, $9 recipe, $10 task, each or NULL; $11 whether only those of captions that the
-- default view picks, $12 format, $13 rows. Rows: JSON, key. One row of NULLs for an empty page,
-- none without the dataset.
WITH {{dataset}}, {{view}}
SELECT p.item, p.key
FROM ds CROSS JOIN v LEFT JOIN LATERAL (
    SELECT CASE $12::text WHEN 'llava' THEN {{dialogue_llava_json}} ELSE {{dialogue_json}} END::text
               AS item,
           concat_ws('|', d.shard_id - ds.lo, d.seed_id, encode(d.caption_hash, 'hex'), d.task,
                     d.recipe_id) AS key
    FROM dialogues d LEFT JOIN LATERAL (
             SELECT c.text AS caption_text, {{picked}} AS picked
             FROM captions c
             WHERE c.shard_id = d.shard_id AND c.seed_id = d.seed_id AND c.hash = d.caption_hash
             LIMIT 1) k ON true
    WHERE (d.shard_id, d.seed_id, d.caption_hash, d.task, d.recipe_id)
          > (ds.lo + $3::bigint, $4::uuid, decode($5::text, 'hex'), $6::text, $7::uuid)
      AND d.shard_id <= ds.hi
      AND ($8::uuid IS NULL OR d.run_id = $8)
      AND ($9::uuid IS NULL OR d.recipe_id = $9)
      AND ($10::text IS NULL OR d.task = $10)
      AND (NOT $11::boolean OR k.picked)
    ORDER BY d.shard_id, d.seed_id, d.caption_hash, d.task, d.recipe_id
    LIMIT $13::bigint) p ON true
