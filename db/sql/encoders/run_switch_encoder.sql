-- Lets a run go on with another encoder version, from the beginning of its representations ($1 run,
-- $2 the old one, $3 the new one).
WITH open AS (
    UPDATE runs SET encoder_id = $3::uuid, updated_at = now(), revision = revision + 1
    WHERE run_id = $1::uuid AND encoder_id = $2::uuid
    RETURNING run_id, dataset
), again AS (
    UPDATE tasks t SET state = 'ready', lease_until = NULL, finished_at = NULL, tally = '{}'
    FROM open
    WHERE t.run_id = open.run_id AND t.stage = 'embed' AND t.state = 'finished'
), {{summed_anew}}
SELECT 1 FROM open
