-- A requested pause or cancellation takes hold when no lease is left ($1 ticker token).
WITH settled AS (
    UPDATE runs r
    SET state = CASE r.requested WHEN 'pause' THEN 'paused' ELSE 'cancelled' END,
        reason = coalesce(r.reason, 'user'),
        summary = CASE r.requested WHEN 'cancel' THEN {{run_stages}} ELSE r.summary END,
        finished_at = CASE r.requested WHEN 'cancel' THEN now() END,
        requested = NULL, updated_at = now(), revision = r.revision + 1
    WHERE r.requested IS NOT NULL AND r.state IN ('queued', 'running', 'paused') AND {{ticker_holds}}
      AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.state = 'leased'
                      AND t.lease_until > now())
    RETURNING r.run_id, r.state
), swept AS (
    DELETE FROM tasks t USING settled s WHERE t.run_id = s.run_id AND s.state = 'cancelled'
), parts AS (
    DELETE FROM moments_parts m USING settled s WHERE m.run_id = s.run_id AND s.state = 'cancelled'
)
SELECT encode(uuid_send(run_id), 'hex'), state FROM settled
