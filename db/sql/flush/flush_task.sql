-- First statement of a flush: moves flush_no on under the token, so that everything behind it in
-- the same transaction, and a repetition, know whether they may write
-- ($1 shard, $2 run, $3 stage, $4 lo, $5 token, $6 flush_no, $7 lease in seconds, $8 total,
-- $9 existing, $10 done, $11 failed, $12 dropped, $13 whether rows come with it, $14 tally).
UPDATE tasks SET flush_no = $6, lease_until = now() + make_interval(secs => $7::float8),
       total = $8, existing = $9, done = $10, failed = $11, dropped = $12,
       tally = $14::jsonb,
       attempts = CASE WHEN $13::boolean THEN 0 ELSE attempts END
WHERE shard_id = $1 AND run_id = $2::uuid AND stage = $3 AND lo = $4::uuid
  AND token = $5 AND flush_no = $6 - 1 AND state = 'leased'
RETURNING 1
