-- The seeds of task t and its run r: its range, as it was when it was planned, under the run's
-- selection. OFFSET 0 keeps the planner to the range: a plan that was made while the tables were small
-- would walk the whole shard for each range.
JOIN runs r ON r.run_id = $2::uuid
JOIN LATERAL (
    SELECT s.* FROM seeds s
    WHERE s.shard_id = $1 AND s.seed_id BETWEEN t.lo AND t.hi AND s.created_at <= t.planned_at
      AND {{run_selects}}
    OFFSET 0
) s ON true
