-- The text moments of a run, immutable ($1 id, $2 run, $3 count, $4 mean, $5 trace).
INSERT INTO moments (moments_id, dataset, encoder_id, run_id, side, view, count, mean, trace)
SELECT $1::uuid, r.dataset, r.encoder_id, r.run_id, 'text', r.view, $3::bigint, $4::float8[], $5::float8
FROM runs r WHERE r.run_id = $2::uuid AND r.encoder_id IS NOT NULL
ON CONFLICT DO NOTHING
