-- Captions of shard $1 by what became of them, of run $2 or NULL, of recipe $3 or NULL; $4 whether
-- only those that the view $5 picks. Rows: recipe, provider, prompt, dropped by, rejected, verdict,
-- flags (with commas); then the number of captions and their sums: calls, tokens in, of these cached,
-- tokens out, of these reasoning, cost, latency and how many have one, first and last time in
-- microseconds. In an order of their own: a report has room for so many keys.
-- result: binary
SELECT replace(c.recipe_id::text, '-', ''), c.provider, c.prompt, c.dropped, c.rejected, c.verdict,
       array_to_string(c.flags, ','),
       count(*), sum(c.calls), sum(c.tokens_in), sum(c.tokens_cached), sum(c.tokens_out),
       sum(c.tokens_reasoning), sum(c.cost)::bigint, sum(c.latency_ms),
       count(*) FILTER (WHERE c.latency_ms > 0),
       (extract(epoch FROM min(c.created_at)) * 1000000)::bigint,
       (extract(epoch FROM max(c.created_at)) * 1000000)::bigint
FROM captions c CROSS JOIN (SELECT $5::uuid[] AS recipes OFFSET 0) v
WHERE c.shard_id = $1 AND ($2::uuid IS NULL OR c.run_id = $2)
  AND ($3::uuid IS NULL OR c.recipe_id = $3)
  AND (NOT $4::boolean OR {{picked}})
GROUP BY c.recipe_id, c.provider, c.prompt, c.dropped, c.rejected, c.verdict, c.flags
ORDER BY c.recipe_id, c.provider, c.prompt, c.dropped, c.rejected, c.verdict, c.flags
