-- The encoder version of a run ($1), and whether it is of the encoder as it is declared ($2 kind,
-- $3 model, $4 revision, $5 weights, $6 dimension or 0). Rows as of encoder_current, then that.
-- result: binary
SELECT {{encoder_columns}},
       n.kind = $2::text AND n.model = $3::text AND n.revision = $4::text
       AND n.weights = $5::text AND ($6::int = 0 OR n.dimension = $6)
FROM runs r JOIN encoders n ON n.encoder_id = r.encoder_id
WHERE r.run_id = $1::uuid
