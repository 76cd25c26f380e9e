-- A prepared transfer of a run, immutable
-- ($1 id, $2 run, $3 method, $4 moments or NULL, $5 state, $6 reason or NULL).
INSERT INTO transfers (transfer_id, dataset, encoder_id, method, moments_id, state, reason, run_id,
                       finished_at, sequence)
SELECT $1::uuid, r.dataset, r.encoder_id, $3, $4::uuid, $5, $6, r.run_id, now(),
       (SELECT coalesce(max(o.sequence), 0) + 1 FROM transfers o WHERE o.dataset = r.dataset)
FROM runs r WHERE r.run_id = $2::uuid AND r.encoder_id IS NOT NULL
ON CONFLICT DO NOTHING
