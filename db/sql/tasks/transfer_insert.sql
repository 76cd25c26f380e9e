-- A prepared transfer of a run, immutable ($1 shard, $2 run, $3 lo, $4 token, $5 id, $6 method,
-- $7 moments or NULL, $8 state, $9 reason or NULL).
INSERT INTO transfers (transfer_id, dataset, encoder_id, method, moments_id, state, reason, run_id,
                       finished_at, sequence)
SELECT $5::uuid, r.dataset, r.encoder_id, $6, $7::uuid, $8, $9, r.run_id, now(),
       (SELECT coalesce(max(o.sequence), 0) + 1 FROM transfers o WHERE o.dataset = r.dataset)
FROM runs r CROSS JOIN tasks k
WHERE r.run_id = $2::uuid AND r.encoder_id IS NOT NULL AND {{transfer_held}}
FOR SHARE OF k
ON CONFLICT DO NOTHING
