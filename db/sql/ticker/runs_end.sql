-- Ends the runs of which nothing is left to do, freezes their counts and clears their tasks
-- ($1 ticker token).
WITH ended AS (
    UPDATE runs r
    SET state = CASE WHEN EXISTS (
                    SELECT FROM json_to_recordset({{run_stages}}) AS x (failed bigint, total bigint)
                    WHERE x.failed > r.max_failed * x.total) THEN 'failed' ELSE 'succeeded' END,
        summary = {{run_stages}},
        estimate = CASE WHEN r.dry_run IS NOT NULL AND r.retry = 0 THEN {{run_estimate}}
                        ELSE r.estimate END,
        finished_at = now(), updated_at = now(), revision = r.revision + 1
    WHERE r.state = 'running' AND {{ticker_holds}}
      AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'plan')
      AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.state <> 'finished')
      AND NOT {{run_waits}}
      AND (NOT {{run_compares}}
           OR EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'duplicates'))
      AND NOT {{targets_due}}
      AND ('representations' <> ALL (r.stages)
           OR EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.stage = 'transfer'))
    RETURNING r.run_id, r.state
), swept AS (
    DELETE FROM tasks t USING ended e WHERE t.run_id = e.run_id
), parts AS (
    DELETE FROM moments_parts m USING ended e WHERE m.run_id = e.run_id
)
SELECT encode(uuid_send(run_id), 'hex'), state FROM ended
