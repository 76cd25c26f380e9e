-- The newest version of an encoder by name ($1): id, dimension; no row when nobody has used it.
SELECT replace(encoder_id::text, '-', ''), dimension
FROM encoders
WHERE name = $1::text
ORDER BY created_at DESC, version DESC
LIMIT 1
