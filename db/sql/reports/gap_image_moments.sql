-- The image side of a gap report, of encoder $1: the moments $2, or when that is NULL the newest, of label
-- $3, version $4 and id $5 where these are not NULL. Rows, at most one: id, label, version, count, mean
-- (float64), trace, some of the vectors (float16) or NULL.
-- result: binary
SELECT replace(m.moments_id::text, '-', ''), m.label, m.version, m.count, m.mean, m.trace, m.sample
FROM moments m
WHERE m.side = 'image' AND m.encoder_id = $1::uuid
  AND ($2::uuid IS NULL OR m.moments_id = $2)
  AND ($3::text IS NULL OR m.label = $3)
  AND ($4::integer IS NULL OR m.version = $4)
  AND ($5::uuid IS NULL OR m.moments_id = $5)
ORDER BY m.created_at DESC, m.version DESC, m.moments_id
LIMIT 1
