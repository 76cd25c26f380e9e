-- Whether caption c with its labels o meets filters: parameters 7 to 11 and 15 to 18 of the lists and
-- streams of captions.
($7::uuid IS NULL OR c.run_id = $7)
AND ($8::uuid IS NULL OR c.recipe_id = $8)
AND ($9::uuid IS NULL OR c.seed_id = $9)
AND CASE $11::text WHEN 'usable' THEN c.dropped IS NULL AND NOT c.rejected
                   WHEN 'dropped' THEN c.dropped IS NOT NULL
                   WHEN 'rejected' THEN c.rejected
                   ELSE true END
AND (NOT $10::boolean OR {{picked}})
AND ($15::bigint IS NULL OR char_length(c.text) >= $15)
AND ($16::bigint IS NULL OR char_length(c.text) <= $16)
AND ($17::text IS NULL OR o.source = $17)
AND ($18::text IS NULL OR o.domain = $18)
