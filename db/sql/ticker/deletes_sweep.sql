-- Forgets the tasks of deletions that are done ($1 ticker token).
DELETE FROM tasks WHERE stage = 'delete' AND state = 'finished' AND {{ticker_holds}}
