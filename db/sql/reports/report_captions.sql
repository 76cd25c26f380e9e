-- Captions of shard $1 by what became of them, of run $2 or NULL, of recipe $3 or NULL. Rows: recipe,
-- provider, prompt, dropped by, rejected, verdict, flags (with commas); then the number of captions
-- and their sums: calls, tokens in, of these cached, tokens out, of these reasoning, cost, latency
-- and how many have one, first and last time in microseconds.
-- result: binary
SELECT replace(recipe_id::text, '-', ''), provider, prompt, dropped, rejected, verdict,
       array_to_string(flags, ','),
       count(*), sum(calls), sum(tokens_in), sum(tokens_cached), sum(tokens_out),
       sum(tokens_reasoning), sum(cost)::bigint, sum(latency_ms),
       count(*) FILTER (WHERE latency_ms > 0),
       (extract(epoch FROM min(created_at)) * 1000000)::bigint,
       (extract(epoch FROM max(created_at)) * 1000000)::bigint
FROM captions
WHERE shard_id = $1 AND ($2::uuid IS NULL OR run_id = $2) AND ($3::uuid IS NULL OR recipe_id = $3)
GROUP BY recipe_id, provider, prompt, dropped, rejected, verdict, flags
