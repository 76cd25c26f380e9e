-- Gives back what a process did not spend of its slices ($1 run, $2 cost, $3 tokens).
UPDATE runs SET taken_cost = taken_cost - $2::bigint, taken_tokens = taken_tokens - $3::bigint
WHERE run_id = $1::uuid
