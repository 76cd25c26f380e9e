-- Dialogues of shard $1, of run $2 or NULL, of recipe $3 or NULL; those of recipe $4 (the run's) that
-- other runs made come too; $5 whether only those of the captions that the view $6 picks, and of these
-- what the dialogue recipes $7 pick unless NULL. Rows: recipe, provider, prompt, task, whether it
-- belongs to the report; then numbers, all as in report_captions.
-- result: binary
SELECT replace(d.recipe_id::text, '-', ''), d.provider, d.prompt, d.task,
       $2::uuid IS NULL OR d.run_id = $2,
       count(*), sum(d.calls), sum(d.tokens_in), sum(d.tokens_cached), sum(d.tokens_out),
       sum(d.tokens_reasoning), sum(d.cost)::bigint, sum(d.latency_ms),
       count(*) FILTER (WHERE d.latency_ms > 0),
       (extract(epoch FROM min(d.created_at)) * 1000000)::bigint,
       (extract(epoch FROM max(d.created_at)) * 1000000)::bigint
FROM dialogues d CROSS JOIN (SELECT $6::uuid[] AS recipes, $7::uuid[] AS dialogues OFFSET 0) v
WHERE d.shard_id = $1 AND ($2::uuid IS NULL OR d.run_id = $2 OR d.recipe_id = $4::uuid)
  AND ($3::uuid IS NULL OR d.recipe_id = $3)
  AND (NOT $5::boolean OR {{dialogue_picked}})
GROUP BY d.recipe_id, d.provider, d.prompt, d.task, $2::uuid IS NULL OR d.run_id = $2
ORDER BY d.recipe_id, d.provider, d.prompt, d.task, $2::uuid IS NULL OR d.run_id = $2
