-- Whether the later stages of run r still wait for the captions' duplicates to be dropped.
(r.barrier AND EXISTS (SELECT FROM tasks w WHERE w.run_id = r.run_id AND w.stage = 'captions')
 AND NOT EXISTS (SELECT FROM tasks w WHERE w.run_id = r.run_id AND w.stage IN ('dialogues', 'embed')))
