-- The text side of a gap report: of dataset $1 and encoder $2 the moments $3, or when that is NULL the
-- newest. Rows, at most one: id, count, mean (float64), trace, when made in microseconds.
-- result: binary
SELECT replace(m.moments_id::text, '-', ''), m.count, m.mean, m.trace,
       (extract(epoch FROM m.created_at) * 1000000)::bigint
FROM moments m
WHERE m.side = 'text' AND m.dataset = $1::bigint AND m.encoder_id = $2::uuid
  AND ($3::uuid IS NULL OR m.moments_id = $3)
ORDER BY m.created_at DESC, m.moments_id
LIMIT 1
