-- 0 pending, 1 made by this run, 2 made by an earlier one, 3 failed in this run.
CASE WHEN d.run_id = $2::uuid THEN 1 WHEN d.run_id IS NOT NULL THEN 2
     WHEN f.run_id IS NOT NULL THEN 3 ELSE 0 END
