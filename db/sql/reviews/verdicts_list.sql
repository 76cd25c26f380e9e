-- Page of the verdicts of a review, replaced ones included, in the order of the draw. $1 caller,
-- $2 review, key: $3 place, $4 revision; $5 reviewer, $6 verdict, each or NULL; $7 rows. Rows: JSON,
-- key. One row of NULLs for an empty page, none without the review. OFFSET 0 keeps the join a walk
-- from item to item.
WITH {{review}}
SELECT p.item, p.key
FROM r LEFT JOIN LATERAL (
    SELECT json_strip_nulls(json_build_object(
               'caption_id', replace(i.seed_id::text, '-', '') || '-' || encode(i.caption_hash, 'hex'),
               'place', i.place,
               'revision', h.revision,
               'current', h.revision = i.revision,
               'verdict', h.verdict,
               'reviewer', h.reviewer,
               'note', h.note,
               'correction', replace(i.seed_id::text, '-', '') || '-' || encode(h.correction, 'hex'),
               'created_at', to_char(h.created_at AT TIME ZONE 'UTC', {{utc}})))::text AS item,
           concat_ws('|', i.place, h.revision) AS key
    FROM review_items i CROSS JOIN LATERAL (
             SELECT v.* FROM review_verdicts v
             WHERE v.shard_id = i.shard_id AND v.seed_id = i.seed_id
               AND v.caption_hash = i.caption_hash AND v.review_id = i.review_id
               AND ($5::text IS NULL OR v.reviewer = $5)
               AND ($6::text IS NULL OR v.verdict = $6)
             OFFSET 0) h
    WHERE i.review_id = r.review_id AND i.place >= $3::integer
      AND (i.place, h.revision) > ($3, $4::integer)
    ORDER BY i.place, h.revision
    LIMIT $7::bigint) p ON true
