-- Records the first version of an encoder that nobody has asked yet ($1 id, $2 name, $3 kind, $4 model,
-- $5 dimension, $6 revision, $7 weights): its vectors were made elsewhere.
INSERT INTO encoders (encoder_id, name, kind, model, dimension, revision, weights, version)
VALUES ($1::uuid, $2, $3, $4, $5::int, $6, $7, 1)
ON CONFLICT DO NOTHING
