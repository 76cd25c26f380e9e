-- The text moments of a run, immutable ($1 shard, $2 run, $3 lo, $4 token, $5 id, $6 count, $7 mean,
-- $8 trace), of what was embedded when its sums were begun. The task stays locked, so that nobody
-- takes it back between this and the end of the batch.
INSERT INTO moments (moments_id, dataset, encoder_id, run_id, side, view, count, mean, trace, created_at)
SELECT $5::uuid, r.dataset, r.encoder_id, r.run_id, 'text', r.view, $6::bigint, $7::float8[], $8::float8,
       (SELECT max(s.planned_at) FROM tasks s WHERE s.run_id = r.run_id AND s.stage = 'moments')
FROM runs r CROSS JOIN tasks k
WHERE r.run_id = $2::uuid AND r.encoder_id IS NOT NULL AND {{transfer_held}}
FOR SHARE OF k
ON CONFLICT DO NOTHING
