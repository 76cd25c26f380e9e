-- The items of review r by what has become of them, as a JSON object. A lease that has run out counts
-- as open.
(SELECT json_build_object(
        'total', count(*),
        'open', count(*) FILTER (WHERE i.verdict IS NULL AND (i.lease_until > now()) IS NOT TRUE),
        'leased', count(*) FILTER (WHERE i.verdict IS NULL AND i.lease_until > now()),
        'accepted', count(*) FILTER (WHERE i.verdict = 'accepted'),
        'rejected', count(*) FILTER (WHERE i.verdict = 'rejected'),
        'corrected', count(*) FILTER (WHERE i.verdict = 'corrected'),
        'skipped', count(*) FILTER (WHERE i.verdict = 'skipped'))
 FROM review_items i WHERE i.review_id = r.review_id)
