-- The files of an export ($1 shard, $2 export, $3 stage, $4 lo, $5 token) are gone: forgets them, and the
-- export itself when it was deleted or has been kept long enough.
WITH held AS (
    SELECT k.run_id FROM tasks k
    WHERE k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = $3 AND k.lo = $4::uuid
      AND k.token = $5 AND k.state = 'leased'
), files AS (
    DELETE FROM export_files f USING held h WHERE f.export_id = h.run_id
), gone AS (
    DELETE FROM exports x USING held h, datasets d
    WHERE x.export_id = h.run_id AND d.number = x.dataset
      AND (x.deleted_at IS NOT NULL OR d.deleted_at IS NOT NULL OR x.state = 'succeeded')
)
UPDATE exports x SET bytes = 0
FROM held h, datasets d
WHERE x.export_id = h.run_id AND d.number = x.dataset AND x.deleted_at IS NULL
  AND d.deleted_at IS NULL AND x.state IN ('cancelled', 'failed')
