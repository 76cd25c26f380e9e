-- Whether the captions of run r are compared with each other, for duplicates.
('captions' = ANY (r.stages)
 AND (coalesce(r.filters #>> '{exact_duplicate,action}', 'off') <> 'off'
      OR coalesce(r.filters #>> '{near_duplicate,action}', 'off') <> 'off'))
