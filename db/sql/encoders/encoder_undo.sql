-- Takes back what was embedded under a version whose vectors were found to have changed, since they
-- last agreed ($1 version, $2 smallest cosine now that they agree again, or NULL): nobody knows
-- which of it is of the other model. What was imported, which has no run, did not come from it. The
-- ranges of open runs are embedded again.
WITH bad AS (
    SELECT n.encoder_id, n.checked_at FROM encoders n
    WHERE n.encoder_id = $1::uuid AND n.cosine < 0.9995 FOR NO KEY UPDATE
), gone AS (
    DELETE FROM embeddings x USING bad
    WHERE x.encoder_id = bad.encoder_id AND x.created_at > bad.checked_at
      AND x.run_id <> '00000000-0000-0000-0000-000000000000'
), open AS (
    SELECT r.run_id, r.dataset, bad.checked_at FROM runs r, bad
    WHERE r.encoder_id = bad.encoder_id AND r.state IN ('queued', 'running', 'paused')
), again AS (
    UPDATE tasks t SET state = 'ready', lease_until = NULL, finished_at = NULL, tally = '{}'
    FROM open
    WHERE t.run_id = open.run_id AND t.stage = 'embed' AND t.state = 'finished'
      AND t.finished_at > open.checked_at
), {{summed_anew}}
UPDATE encoders n
SET cosine = coalesce($2::float8, n.cosine),
    checked_at = CASE WHEN $2 IS NULL THEN n.checked_at ELSE now() END
FROM bad WHERE n.encoder_id = bad.encoder_id
RETURNING 1
