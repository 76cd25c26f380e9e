-- Ends a captions task (shard, run, lo, token) if nothing in its range is pending.
UPDATE tasks k SET state = 'finished', finished_at = now()
WHERE k.shard_id = $1 AND k.run_id = $2::uuid AND k.stage = 'captions' AND k.lo = $3::uuid
  AND k.token = $4 AND k.state = 'leased'
  AND NOT EXISTS (SELECT 1 FROM {{caption_items}}
                  WHERE d.run_id IS NULL AND f.run_id IS NULL)
RETURNING 1
