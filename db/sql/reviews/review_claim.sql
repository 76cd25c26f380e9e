-- Leases those of given items that are still to be had, in one shard, to a reviewer, and renews the
-- leases that the reviewer has. $1 shard, $2 review, $3 reviewer, arrays: $4 seeds, $5 hashes. A row
-- for each.
UPDATE review_items i
SET token = i.token + CASE WHEN i.reviewer = $3::text THEN 0 ELSE 1 END, reviewer = $3,
    lease_until = now() + make_interval(secs => w.lease_seconds)
FROM (
    SELECT f.seed_id, f.caption_hash
    FROM review_items f
         JOIN (SELECT DISTINCT u.seed_id, u.hash
               FROM unnest($4::uuid[], $5::bytea[]) AS u (seed_id, hash)) u
         ON u.seed_id = f.seed_id AND u.hash = f.caption_hash
    WHERE f.shard_id = $1 AND f.review_id = $2::uuid AND f.verdict IS NULL
      AND ((f.lease_until > now()) IS NOT TRUE OR f.reviewer = $3)
    FOR UPDATE OF f SKIP LOCKED
) k, reviews w
WHERE i.shard_id = $1 AND i.seed_id = k.seed_id AND i.caption_hash = k.caption_hash
  AND i.review_id = $2 AND w.review_id = $2
RETURNING 1
