-- result: binary
-- Given items of a review with what a verdict on them depends on. $1 caller, $2 review, arrays:
-- $3 seeds, $4 hashes. Rows in their order: place (from 0), shard or NULL when the review has no such
-- item, token, reviewer, revision, verdict, note; the text of its correction; the caption's text and
-- variant; of the newest human caption in the slot its recipe's revision or NULL, hash, text, whether
-- it is usable; hash of the correction. One row of NULLs without items, none without the review.
WITH {{review}}, k AS MATERIALIZED (
    SELECT {{shard_of}} AS shard_id, k.*
    FROM ds, unnest($3::uuid[], $4::bytea[]) WITH ORDINALITY AS k (seed_id, hash, place)
)
SELECT k.place - 1, i.shard_id, i.token, i.reviewer, i.revision, i.verdict, i.note,
       (SELECT b.text FROM captions b
        WHERE b.shard_id = i.shard_id AND b.seed_id = i.seed_id AND b.hash = i.correction
        LIMIT 1),
       c.text, i.variant, t.revision, t.hash, t.text, t.usable, i.correction
FROM r
     LEFT JOIN k ON true
     LEFT JOIN review_items i ON i.shard_id = k.shard_id AND i.seed_id = k.seed_id
          AND i.caption_hash = k.hash AND i.review_id = r.review_id
     LEFT JOIN captions c ON c.shard_id = i.shard_id AND c.seed_id = i.seed_id
          AND c.recipe_id = i.recipe_id AND c.variant = i.variant
     LEFT JOIN LATERAL (
         SELECT (h.settings ->> 'revision')::integer AS revision, b.hash, b.text,
                b.dropped IS NULL AND NOT b.rejected AS usable
         FROM captions b JOIN recipes h ON h.recipe_id = b.recipe_id AND h.kind = 'human'
         WHERE b.shard_id = i.shard_id AND b.seed_id = i.seed_id AND b.variant = i.variant
         ORDER BY 1 DESC
         LIMIT 1) t ON true
ORDER BY k.place
