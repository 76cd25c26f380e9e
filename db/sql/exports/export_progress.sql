-- How far a task of an export is ($1 shard, $2 export, $3 stage, $4 lo, $5 token, $6 seeds done). One row
-- when the task is still held.
UPDATE tasks SET done = $6
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND state = 'leased'
RETURNING 1
