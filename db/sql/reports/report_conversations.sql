-- A page of dialogues of shard $1 behind seed $2, caption hash $3, task $4, recipe $5; of run $6 or
-- NULL, of recipe $7 or NULL; $8 whether only those whose caption the view $9 picks, and of these what
-- the dialogue recipes $10 pick unless NULL. Rows: seed, caption hash, task, recipe, conversations,
-- whether the offline composer wrote it.
-- result: binary
SELECT d.seed_id, d.caption_hash, d.task, d.recipe_id, d.conversations,
       d.provider = 'offline' OR d.model = 'offline-composer-1'
FROM dialogues d CROSS JOIN (SELECT $9::uuid[] AS recipes, $10::uuid[] AS dialogues OFFSET 0) v
WHERE d.shard_id = $1
  AND (d.seed_id, d.caption_hash, d.task, d.recipe_id) > ($2::uuid, $3::bytea, $4::text, $5::uuid)
  AND ($6::uuid IS NULL OR d.run_id = $6)
  AND ($7::uuid IS NULL OR d.recipe_id = $7)
  AND (NOT $8::boolean OR {{dialogue_picked}})
ORDER BY d.seed_id, d.caption_hash, d.task, d.recipe_id
LIMIT 1000
