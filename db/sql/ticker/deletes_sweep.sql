-- Forgets the finished tasks that belong to no run: deletions, preparations and those of exports that have
-- ended ($1 ticker token).
DELETE FROM tasks t
WHERE t.stage IN ('delete', 'prepare', 'export', 'manifest', 'discard') AND t.state = 'finished'
  AND {{ticker_holds}}
  AND NOT EXISTS (SELECT FROM exports x WHERE x.export_id = t.run_id AND t.stage <> 'discard'
                  AND x.state IN ('queued', 'running'))
  AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = t.run_id)
