-- The newest version of an encoder by name ($1), of a kind and model where it is declared ($2 and $3,
-- each or NULL): id, dimension; no row when nobody has used it.
SELECT replace(encoder_id::text, '-', ''), dimension
FROM encoders
WHERE name = $1::text AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR model = $3)
ORDER BY version DESC, created_at DESC
LIMIT 1
