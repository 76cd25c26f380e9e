-- Asks the runs whose deadline has come to pause ($1 ticker token).
UPDATE runs r SET requested = 'pause', reason = 'budget',
       reason_detail = 'the deadline of the run has come: resume it with a later one',
       updated_at = now(), revision = r.revision + 1
WHERE r.state = 'running' AND r.requested IS NULL AND r.deadline <= now() AND {{ticker_holds}}
RETURNING encode(uuid_send(r.run_id), 'hex'), r.state
