-- The transfer that a run names, unless it is one of those that every run prepares, and the task that
-- prepares it where the embeddings have to be read ($1 shard, $2 run, $3 lo, $4 token, $5 id, $6 moments or NULL).
WITH wanted AS (
    SELECT r.run_id, r.dataset, r.encoder_id, r.retry, s.transfer, coalesce(s.parameters, '{}') AS parameters,
           s.image_moments IS NOT NULL AS needs_images, i.moments_id AS image_id
    FROM runs r CROSS JOIN tasks k
    CROSS JOIN LATERAL json_to_record(r.representation_settings)
        AS s (transfer text, parameters jsonb, image_moments uuid)
    LEFT JOIN moments i ON i.moments_id = s.image_moments AND i.encoder_id = r.encoder_id
    WHERE r.run_id = $2::uuid AND r.encoder_id IS NOT NULL
      AND (s.transfer NOT IN ('none', 'mean_shift') OR s.parameters <> '{}') AND {{transfer_held}}
    FOR SHARE OF k
), made AS (
    INSERT INTO transfers (transfer_id, dataset, encoder_id, method, parameters, moments_id,
                           image_moments_id, state, reason, run_id, finished_at, sequence)
    SELECT $5::uuid, w.dataset, w.encoder_id, w.transfer, w.parameters, $6::uuid, w.image_id, x.state,
           x.reason, w.run_id, CASE WHEN x.state <> 'preparing' THEN now() END,
           (SELECT coalesce(max(o.sequence), 0) + 1 FROM transfers o WHERE o.dataset = w.dataset)
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT CASE WHEN $6::uuid IS NULL THEN 'fewer than two embeddings: there is no mean'
                    WHEN w.needs_images AND w.image_id IS NULL
                    THEN 'the image moments belong to another version of the encoder' END AS reason
        OFFSET 0) y
    CROSS JOIN LATERAL (
        SELECT y.reason, CASE WHEN y.reason IS NOT NULL THEN 'failed'
                              WHEN w.transfer = 'realign' THEN 'preparing' ELSE 'ready' END AS state
        OFFSET 0) x
    ON CONFLICT DO NOTHING
    RETURNING dataset, run_id, state
)
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, token)
SELECT m.dataset * 65536, m.run_id, 'prepare', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', m.dataset, now(), {{first_token}}
FROM made m, wanted r WHERE m.state = 'preparing'
ON CONFLICT DO NOTHING
