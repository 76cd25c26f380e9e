-- Records an encoder version ($1 id, $2 name, $3 kind, $4 model, $5 dimension, $6 revision,
-- $7 weights, $8 version, $9 vectors of the probe texts).
INSERT INTO encoders (encoder_id, name, kind, model, dimension, revision, weights, version, probes,
                      cosine, checked_at)
VALUES ($1::uuid, $2, $3, $4, $5::int, $6, $7, $8::int, $9::bytea, 1, now())
ON CONFLICT DO NOTHING
