-- result: binary
-- Where a dialogue stands in its shard. $1 shard, $2 seed, $3 caption hash, $4 dialogue hash. Rows: seed,
-- caption hash, task, recipe; none without the dialogue.
SELECT d.seed_id, d.caption_hash, d.task, d.recipe_id FROM dialogues d
WHERE d.shard_id = $1::bigint AND d.seed_id = $2::uuid AND d.caption_hash = $3::bytea
  AND d.hash = $4::bytea
LIMIT 1
