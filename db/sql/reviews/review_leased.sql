-- What a reviewer holds, in the order of the draw. $1 caller, $2 review, $3 reviewer, $4 items. Rows:
-- JSON, counts of the review. One row without JSON when there is nothing, none without the review.
WITH {{review}}
SELECT p.item, n.counts
FROM r CROSS JOIN LATERAL (SELECT {{review_counts}}::text AS counts OFFSET 0) n
     LEFT JOIN LATERAL (
    SELECT left(json_build_object(
               'caption_id', replace(i.seed_id::text, '-', '') || '-' || encode(i.caption_hash, 'hex'),
               'token', i.token,
               'place', i.place,
               'lease_until', to_char(i.lease_until AT TIME ZONE 'UTC', {{utc}}),
               'caption', {{caption_json}})::text, -1)
           || ', "seed" : ' || {{seed_json}} || '}}' AS item,
           i.place
    FROM review_items i
         JOIN captions c ON c.shard_id = i.shard_id AND c.seed_id = i.seed_id
              AND c.recipe_id = i.recipe_id AND c.variant = i.variant
         JOIN seeds s ON s.shard_id = i.shard_id AND s.seed_id = i.seed_id
    WHERE i.review_id = r.review_id AND i.verdict IS NULL AND i.reviewer = $3::text
      AND i.lease_until > now()
    ORDER BY i.place
    LIMIT $4::bigint) p ON true
ORDER BY p.place
