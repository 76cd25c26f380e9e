-- Takes away what was summed and prepared of the runs in open (run_id, dataset): it is done again.
later AS (
    DELETE FROM tasks t USING open
    WHERE t.run_id = open.run_id AND t.stage IN ('moments', 'transfer')
), parts AS (
    DELETE FROM moments_parts p USING open
    WHERE p.shard_id BETWEEN open.dataset * 65536 AND open.dataset * 65536 + 65535
      AND p.run_id = open.run_id
)
