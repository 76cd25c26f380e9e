-- Image moments of an encoder by reference. $1 encoder, $2 label or NULL, $3 version or NULL for the
-- newest, $4 id or NULL. One row: id; none when there are none.
SELECT replace(m.moments_id::text, '-', '')
FROM moments m JOIN encoders e ON e.encoder_id = m.encoder_id
WHERE m.side = 'image' AND e.name = $1::text
  AND ($2::text IS NULL OR m.label = $2) AND ($3::integer IS NULL OR m.version = $3)
  AND ($4::uuid IS NULL OR m.moments_id = $4)
ORDER BY e.version DESC, e.created_at DESC, m.version DESC
LIMIT 1
