-- Ends the pass over duplicates ($1 shard, $2 run, $3 lo, $4 token, $5 captions dropped, $6 tally).
UPDATE tasks SET state = 'finished', finished_at = now(), total = 0, dropped = $5, tally = $6::jsonb
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = 'duplicates' AND lo = $3::uuid
  AND token = $4 AND state = 'leased'
RETURNING 1
