-- Forgets the finished tasks that belong to no run, deletions and preparations ($1 ticker token).
DELETE FROM tasks t
WHERE t.stage IN ('delete', 'prepare') AND t.state = 'finished' AND {{ticker_holds}}
  AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = t.run_id)
