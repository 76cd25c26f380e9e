-- Token and flush number of a task ($1 shard, $2 run, $3 stage, $4 lo): tells whether a flush whose
-- acknowledgement was lost had landed.
SELECT token, flush_no, state FROM tasks
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
