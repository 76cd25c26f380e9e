-- Whether run r selects seed s.
(NOT r.selection ? 'source' OR s.source = r.selection->>'source')
AND (NOT r.selection ? 'domain' OR s.domain = r.selection->>'domain')
AND (NOT r.selection ? 'seed_ids'
     OR r.selection->'seed_ids' ? replace(s.seed_id::text, '-', ''))
