-- Image moments of an encoder as it is declared, by reference. $1 encoder, $2 label or NULL, $3 version or
-- NULL for the newest, $4 id or NULL, $5 kind, $6 model, $7 revision, $8 weights, $9 dimension or 0. One
-- row: id; none when there are none.
SELECT replace(m.moments_id::text, '-', '')
FROM moments m JOIN encoders e ON e.encoder_id = m.encoder_id
WHERE m.side = 'image' AND e.name = $1::text AND e.kind = $5::text AND e.model = $6::text
  AND e.revision = $7::text AND e.weights = $8::text AND ($9::int = 0 OR e.dimension = $9)
  AND ($2::text IS NULL OR m.label = $2) AND ($3::integer IS NULL OR m.version = $3)
  AND ($4::uuid IS NULL OR m.moments_id = $4)
ORDER BY e.version DESC, e.created_at DESC, m.version DESC
LIMIT 1
