-- Gives a lease back unharmed ($1 shard, $2 run, $3 stage, $4 lo, $5 token, $6 times that work on it
-- was begun under this lease).
UPDATE tasks SET state = 'ready', lease_until = NULL, worker = NULL,
       attempts = greatest(attempts - $6::int, 0)
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND state = 'leased'
