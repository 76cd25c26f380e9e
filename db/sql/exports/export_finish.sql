-- Ends the task of an export that made the files of a group ($1 shard, $2 export, $3 stage, $4 lo,
-- $5 token, $6 what the manifest counts).
UPDATE tasks SET state = 'finished', finished_at = now(), done = total, tally = $6::text::jsonb
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND state = 'leased'
RETURNING 1
