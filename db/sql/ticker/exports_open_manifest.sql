-- The barrier before the manifest: opens its task for the exports whose every group is made ($1 ticker
-- token).
INSERT INTO tasks (shard_id, run_id, stage, lo, hi, dataset, planned_at, token)
SELECT x.dataset * 65536, x.export_id, 'manifest', '00000000-0000-0000-0000-000000000000',
       'ffffffff-ffff-ffff-ffff-ffffffffffff', x.dataset, now(), 0
FROM exports x
WHERE x.state = 'running' AND x.deleted_at IS NULL AND {{ticker_holds}}
  AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = x.export_id AND t.stage = 'export')
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = x.export_id AND t.stage = 'export'
                  AND t.state <> 'finished')
ON CONFLICT DO NOTHING
RETURNING encode(uuid_send(run_id), 'hex')
