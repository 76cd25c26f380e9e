-- Forgets the seeds that keys added on earlier days ($1 ticker token).
DELETE FROM key_seeds k
WHERE k.day < (now() AT TIME ZONE 'UTC')::date - 1 AND {{ticker_holds}}
