-- Lets a run go on with another encoder version, from the beginning of its representations ($1 run,
-- $2 the old one, $3 the new one).
WITH switched AS (
    UPDATE runs SET encoder_id = $3::uuid, updated_at = now()
    WHERE run_id = $1::uuid AND encoder_id = $2::uuid
    RETURNING run_id, dataset
), again AS (
    UPDATE tasks t SET state = 'ready', lease_until = NULL, finished_at = NULL, tally = '{}'
    FROM switched
    WHERE t.run_id = switched.run_id AND t.stage = 'embed' AND t.state = 'finished'
), later AS (
    DELETE FROM tasks t USING switched
    WHERE t.run_id = switched.run_id AND t.stage IN ('moments', 'transfer')
), parts AS (
    DELETE FROM moments_parts p USING switched
    WHERE p.shard_id BETWEEN switched.dataset * 65536 AND switched.dataset * 65536 + 65535
      AND p.run_id = switched.run_id
)
SELECT 1 FROM switched
