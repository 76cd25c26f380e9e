-- Dialogues d of shard $1 that an export has: of captions c that the view v picks and the selection $3
-- takes, the first by the recipes $4 for each task, and of tasks $5 as many as the bounds $6 let through.
dialogues d JOIN captions c ON c.shard_id = d.shard_id AND c.seed_id = d.seed_id AND c.hash = d.caption_hash
WHERE d.shard_id = $1::bigint AND d.recipe_id = ANY ($4::uuid[])
  AND {{picked}} AND {{export_takes}}
  AND NOT EXISTS (
      SELECT FROM dialogues o
      WHERE o.shard_id = d.shard_id AND o.seed_id = d.seed_id AND o.caption_hash = d.caption_hash
        AND o.task = d.task AND array_position($4, o.recipe_id) < array_position($4, d.recipe_id))
  AND ($5::text[] IS NULL OR EXISTS (
      SELECT FROM unnest($5, $6::bytea[]) m(task, bound)
      WHERE m.task = d.task
        AND sha256(convert_to('dialogue:' || m.task || replace(d.seed_id::text, '-', '') || '-'
                              || encode(d.caption_hash, 'hex'), 'UTF8')) < m.bound))
