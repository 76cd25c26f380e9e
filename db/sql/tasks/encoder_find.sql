-- The newest version of an encoder ($1 name, $2 kind, $3 model).
SELECT encode(uuid_send(encoder_id), 'hex'), dimension FROM encoders
WHERE name = $1 AND kind = $2 AND model = $3 ORDER BY created_at DESC LIMIT 1
