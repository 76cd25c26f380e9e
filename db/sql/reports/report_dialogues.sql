-- Dialogues of shard $1, of run $2 or NULL, of recipe $3 or NULL; those of recipe $4 (the run's) that
-- other runs made come too. Rows: recipe, provider, prompt, task, whether it belongs to the report;
-- then numbers as in report_captions.
-- result: binary
SELECT replace(recipe_id::text, '-', ''), provider, prompt, task, $2::uuid IS NULL OR run_id = $2,
       count(*), sum(calls), sum(tokens_in), sum(tokens_cached), sum(tokens_out),
       sum(tokens_reasoning), sum(cost)::bigint, sum(latency_ms),
       count(*) FILTER (WHERE latency_ms > 0),
       (extract(epoch FROM min(created_at)) * 1000000)::bigint,
       (extract(epoch FROM max(created_at)) * 1000000)::bigint
FROM dialogues
WHERE shard_id = $1 AND ($2::uuid IS NULL OR run_id = $2 OR recipe_id = $4::uuid)
  AND ($3::uuid IS NULL OR recipe_id = $3)
GROUP BY recipe_id, provider, prompt, task, $2::uuid IS NULL OR run_id = $2
