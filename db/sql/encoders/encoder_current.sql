-- The newest version of an encoder as it is declared ($1 name, $2 kind, $3 model, $4 revision,
-- $5 weights, $6 dimension or 0). Rows: id, dimension, version, vectors of the probe texts, whether
-- they were found to have changed.
-- result: binary
SELECT {{encoder_columns}}
FROM encoders n
WHERE n.name = $1::text AND n.kind = $2::text AND n.model = $3::text AND n.revision = $4::text
  AND n.weights = $5::text AND ($6::int = 0 OR n.dimension = $6)
ORDER BY n.version DESC, n.created_at DESC
LIMIT 1
