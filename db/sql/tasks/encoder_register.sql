-- Records an encoder version ($1 id, $2 name, $3 kind, $4 model, $5 dimension).
INSERT INTO encoders (encoder_id, name, kind, model, dimension)
VALUES ($1::uuid, $2, $3, $4, $5::int) ON CONFLICT DO NOTHING
