-- Whether the recipes of run r are known: those of stages that ask a model server wait until it has
-- said which model it serves.
((r.caption_recipe IS NOT NULL OR NOT 'captions' = ANY (r.stages))
 AND (r.dialogue_recipe IS NOT NULL OR NOT 'dialogues' = ANY (r.stages)))
