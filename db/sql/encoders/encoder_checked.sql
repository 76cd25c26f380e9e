-- What a comparison with the vectors of the probe texts has found ($1 version, $2 smallest cosine,
-- $3 the vectors, for one that has none yet). The time is that of the last one that agreed. A change
-- that somebody else has found meanwhile stays: only taking back what was made of it ends it.
UPDATE encoders
SET cosine = $2::float8,
    checked_at = CASE WHEN $2::float8 < 0.9995 THEN checked_at ELSE now() END,
    probes = coalesce(probes, $3::bytea)
WHERE encoder_id = $1::uuid AND ($2::float8 < 0.9995 OR cosine IS NULL OR cosine >= 0.9995)
