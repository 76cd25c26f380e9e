-- Dialogues by the recipes $4 of the seeds of shard $1 behind $2 and up to $3, in the order of the primary
-- key: seed, hash of the caption, task, place of the recipe in $4 (from 1), hash, conversations, provider.
-- result: binary
SELECT d.seed_id, d.caption_hash, d.task, array_position($4::uuid[], d.recipe_id), d.hash,
       d.conversations, d.provider
FROM dialogues d
WHERE d.shard_id = $1 AND d.seed_id > $2::uuid AND d.seed_id <= $3::uuid
  AND d.recipe_id = ANY ($4::uuid[])
ORDER BY d.seed_id, d.caption_hash, d.task, d.recipe_id
