-- Opens the removal of what is not wanted any more: exports that were deleted, or their dataset, or that
-- have ended without success ($1 ticker token, $2 days for which the others are kept, 0: for ever). What
-- works on them loses its lease.
WITH unwanted AS (
    SELECT x.export_id, x.dataset
    FROM exports x JOIN datasets d ON d.number = x.dataset
    WHERE {{ticker_holds}}
      AND (x.deleted_at IS NOT NULL OR d.deleted_at IS NOT NULL
           OR (x.state IN ('cancelled', 'failed') AND x.bytes IS DISTINCT FROM 0)
           OR (x.state = 'succeeded' AND $2::integer > 0
               AND x.finished_at < now() - make_interval(days => $2::integer)))
), stopped AS (
    DELETE FROM tasks t USING unwanted u
    WHERE t.run_id = u.export_id AND t.stage IN ('export', 'manifest')
)
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at)
SELECT u.dataset * 65536, u.export_id, 'discard', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', u.dataset, now()
FROM unwanted u
ON CONFLICT DO NOTHING
RETURNING encode(uuid_send(run_id), 'hex')
