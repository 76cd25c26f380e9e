-- result: binary
-- What a reviewer may hold next, without locks: the items that are the reviewer's already, then those
-- that nobody holds, in the order of the draw. $1 caller, $2 review, $3 reviewer, $4 items. Rows by
-- shard: shard, seed, hash. One row of NULLs when there is nothing, none without the review.
WITH {{review}}
SELECT k.shard_id, k.seed_id, k.caption_hash
FROM r LEFT JOIN LATERAL (
    SELECT i.shard_id, i.seed_id, i.caption_hash
    FROM review_items i
    WHERE i.review_id = r.review_id AND i.verdict IS NULL
      AND ((i.lease_until > now()) IS NOT TRUE OR i.reviewer = $3::text)
    ORDER BY (i.reviewer = $3 AND i.lease_until > now()) IS NOT TRUE, i.place
    LIMIT $4::bigint) k ON true
ORDER BY k.shard_id
