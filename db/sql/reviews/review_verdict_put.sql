-- Stores a verdict under its lease, everything or nothing. $1 shard, $2 review, $3 seed, $4 hash,
-- $5 token, $6 reviewer, $7 the item's revision as it was read, $8 verdict, $9 note or NULL; of a
-- correction: $10 hash, and unless such a caption is there already $11 text and $12 recipe, else
-- NULLs. A row when it was stored; none when the item has changed since it was read or somebody has
-- taken the slot of the human caption.
--
-- The verdict stands in the item, in the history and on the caption. One that is skipped after all
-- gives the caption back what other reviews say, if this verdict is the one that it has. A human
-- caption that its reviewer replaces or takes back is rejected, unless another item needs it.
WITH held AS (
    SELECT i.* FROM review_items i
    WHERE i.shard_id = $1 AND i.seed_id = $3::uuid AND i.caption_hash = $4::bytea
      AND i.review_id = $2::uuid AND i.token = $5::bigint AND i.reviewer = $6::text
      AND i.revision = $7::integer
    FOR UPDATE
), human AS (
    INSERT INTO captions (shard_id, seed_id, recipe_id, variant, hash, text, run_id, model,
                          finish_reason, tokens_in, tokens_out, calls, corrects)
    SELECT h.shard_id, h.seed_id, $12::uuid, h.variant, $10::bytea, $11::text, h.review_id, 'human',
           'human', 0, 0, 0, h.caption_hash
    FROM held h
    WHERE $11 IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING 1
), item AS (
    UPDATE review_items i
    SET verdict = $8::text, note = $9::text, correction = $10, revision = i.revision + 1,
        reviewed_at = now()
    FROM held h
    WHERE i.shard_id = $1 AND i.seed_id = $3 AND i.caption_hash = $4 AND i.review_id = $2
      AND i.revision = h.revision AND ($11 IS NULL OR EXISTS (SELECT FROM human))
    RETURNING i.recipe_id, i.variant, i.revision, h.correction AS correction_before,
              h.reviewed_at AS reviewed_before
), history AS (
    INSERT INTO review_verdicts (shard_id, seed_id, caption_hash, review_id, revision, reviewer,
                                 verdict, note, correction)
    SELECT $1, $3, $4, $2, i.revision, $6, $8, $9, $10 FROM item i
), others AS (
    SELECT o.verdict, o.reviewer, o.reviewed_at FROM review_items o
    WHERE o.shard_id = $1 AND o.seed_id = $3 AND o.caption_hash = $4 AND o.review_id <> $2
      AND o.verdict <> 'skipped' AND $8 = 'skipped'
    ORDER BY o.reviewed_at DESC
    LIMIT 1
), judged AS (
    UPDATE captions c
    SET verdict = n.verdict, rejected = n.verdict IS NOT DISTINCT FROM 'rejected',
        reviewer = n.reviewer, reviewed_at = n.reviewed_at
    FROM item i, LATERAL (
             SELECT $8 AS verdict, $6 AS reviewer, now() AS reviewed_at WHERE $8 <> 'skipped'
             UNION ALL
             SELECT o.verdict, o.reviewer, o.reviewed_at
             FROM (VALUES (0)) one (x) LEFT JOIN others o ON true
             WHERE $8 = 'skipped') n
    WHERE c.shard_id = $1 AND c.seed_id = $3 AND c.recipe_id = i.recipe_id AND c.variant = i.variant
      AND ($8 <> 'skipped' OR (c.reviewer = $6 AND c.reviewed_at = i.reviewed_before))
), taken_back AS (
    UPDATE captions c
    SET verdict = 'rejected', rejected = true, reviewer = $6, reviewed_at = now()
    FROM item i
    WHERE c.shard_id = $1 AND c.seed_id = $3 AND c.hash = i.correction_before
      AND i.correction_before IS DISTINCT FROM $10
      AND NOT EXISTS (SELECT FROM review_items o
                      WHERE o.shard_id = $1 AND o.seed_id = $3 AND o.correction = c.hash
                        AND (o.caption_hash, o.review_id) <> ($4, $2))
)
SELECT 1 FROM item
