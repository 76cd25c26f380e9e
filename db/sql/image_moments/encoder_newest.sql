-- The newest version of an encoder by name ($1): id, dimension; no row when nobody has used it.
SELECT replace(encoder_id::text, '-', ''), dimension
FROM encoders
WHERE name = $1::text
ORDER BY version DESC, created_at DESC
LIMIT 1
