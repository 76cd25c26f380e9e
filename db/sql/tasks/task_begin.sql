-- Counts that work on a leased range begins ($1 shard, $2 run, $3 stage, $4 lo, $5 token). A flush
-- with rows sets it back, so that what is left are the times that it killed its worker; ranges that
-- were claimed ahead and never begun are not blamed. Comes back with the tally so far.
UPDATE tasks SET attempts = attempts + 1
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND state = 'leased'
RETURNING tally
