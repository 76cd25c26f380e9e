-- The seeds of task $1 shard, $2 run, $3 lo, of the stage that the including statement names as
-- `want`: its range, as it was when it was planned, under the run's selection.
(VALUES (0)) one(x)
JOIN tasks t ON t.shard_id = $1 AND t.run_id = $2::uuid AND t.lo = $3::uuid
JOIN runs r ON r.run_id = $2::uuid
JOIN seeds s ON s.shard_id = $1 AND s.seed_id BETWEEN t.lo AND t.hi AND s.created_at <= t.planned_at
    AND {{run_selects}}
