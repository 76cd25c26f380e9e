-- Of the items of a stage behind the captions, with their failure f, in a retry those alone that were
-- put back, and those of captions that were.
LEFT JOIN LATERAL (
    SELECT x.retry FROM failures x
    WHERE r.retry > 0 AND x.shard_id = $1 AND x.run_id = $2::uuid AND x.stage = 'captions'
      AND x.seed_id = s.seed_id AND x.item = c.variant::text
    LIMIT 1
) p ON true
JOIN LATERAL (SELECT WHERE r.retry = 0 OR f.retry = r.retry OR p.retry = r.retry) o ON true
