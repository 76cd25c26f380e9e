-- Takes a slice out of a run's budget ($1 run, $2 cost, $3 tokens): comes back with what is left of
-- each, or without a row when there is not as much.
UPDATE runs SET taken_cost = taken_cost + $2::bigint, taken_tokens = taken_tokens + $3::bigint
WHERE run_id = $1::uuid
  AND (budget_cost IS NULL OR taken_cost + $2 <= budget_cost)
  AND (budget_tokens IS NULL OR taken_tokens + $3 <= budget_tokens)
RETURNING coalesce(budget_cost - taken_cost, 0), coalesce(budget_tokens - taken_tokens, 0)
