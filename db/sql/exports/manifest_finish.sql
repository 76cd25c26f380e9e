-- Ends an export with its manifest ($1 shard, $2 export, $3 stage, $4 lo, $5 token, $6 manifest): its files
-- can be had from now on.
WITH held AS (
    UPDATE tasks SET state = 'finished', finished_at = now()
    WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
      AND token = $5 AND state = 'leased'
    RETURNING run_id
)
UPDATE exports x
SET state = 'succeeded', manifest = $6::text::json, waiting = NULL, finished_at = now(),
    updated_at = now(), revision = x.revision + 1,
    bytes = (SELECT sum(f.bytes) FROM export_files f WHERE f.export_id = x.export_id AND f.served)
FROM held
WHERE x.export_id = held.run_id AND x.state = 'running' AND x.deleted_at IS NULL
RETURNING 1
