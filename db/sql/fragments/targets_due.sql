-- Whether run r has to find out which captions make up the numbers of dialogues that it wants: what
-- comes before is finished, and nobody has found out yet, or some of the dialogues have failed and
-- there are rounds left.
('dialogues' = ANY (r.stages)
 AND (cardinality(r.targets) > 0 OR r.top_up > 0)
 AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'plan')
 AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.state <> 'finished'
                 AND t.stage IN ('plan', 'captions', 'duplicates', 'targets', 'dialogues'))
 AND NOT {{run_waits}}
 AND ('' = ANY (r.mix_bounds)
      OR (r.top_up > 0
          AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'dialogues'
                      AND t.failed > 0))))
