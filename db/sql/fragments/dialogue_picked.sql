-- Whether dialogue d of shard $1 is of a caption that the view v picks and, unless v.dialogues is NULL,
-- of its caption and task the first one in the order of v.dialogues.
(EXISTS (SELECT FROM captions c
         WHERE c.shard_id = $1 AND c.seed_id = d.seed_id AND c.hash = d.caption_hash AND {{picked}})
 AND (v.dialogues IS NULL
      OR (d.recipe_id = ANY (v.dialogues)
          AND (cardinality(v.dialogues) = 1 OR NOT EXISTS (
              SELECT FROM dialogues o
              WHERE o.shard_id = $1 AND o.seed_id = d.seed_id AND o.caption_hash = d.caption_hash
                AND o.task = d.task
                AND array_position(v.dialogues, o.recipe_id)
                    < array_position(v.dialogues, d.recipe_id))))))
