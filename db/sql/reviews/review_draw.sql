-- result: binary
-- The captions of a stretch of a shard that can still come into a sample. $1 shard, key to start
-- behind: $2 seed, $3 recipe, $4 variant; $5 purpose of the draw, $6 bound below which a draw must
-- lie, or NULL; $7 the recipes of the view in order; then what is drawn from: $8 whether only what
-- the view picks, $9 run, $10 recipe, $11 source, $12 domain, $13 outcome, $14 flag, $15 verdict, each
-- or NULL. Rows: key of the stretch's last caption, then seed, hash, recipe, variant, draw, or NULLs
-- when there is none. No row at the end of the shard. The limit is a literal, so that a stretch is a
-- walk over the index, and short, so that no snapshot is held for long.
WITH page AS MATERIALIZED (
    SELECT c.shard_id, c.seed_id, c.recipe_id, c.variant, c.hash, c.dropped, c.rejected, c.flags,
           c.run_id, c.verdict
    FROM captions c
    WHERE c.shard_id = $1 AND (c.seed_id, c.recipe_id, c.variant) > ($2::uuid, $3::uuid, $4::smallint)
    ORDER BY c.seed_id, c.recipe_id, c.variant
    LIMIT 5000
), v AS (
    SELECT $7::uuid[] AS recipes
)
SELECT p.seed_id, p.recipe_id, p.variant, b.*
FROM (SELECT seed_id, recipe_id, variant FROM page
      ORDER BY seed_id DESC, recipe_id DESC, variant DESC LIMIT 1) p
     LEFT JOIN LATERAL (
         SELECT c.seed_id, c.hash, c.recipe_id, c.variant, c.draw
         FROM (SELECT n.*, sha256(convert_to($5::text || replace(n.seed_id::text, '-', '') || '-'
                                             || encode(n.hash, 'hex'), 'UTF8')) AS draw
               FROM page n OFFSET 0) c CROSS JOIN v
         WHERE ($6::bytea IS NULL OR c.draw < $6)
           AND ($9::uuid IS NULL OR c.run_id = $9)
           AND ($10::uuid IS NULL OR c.recipe_id = $10)
           AND (($11::text IS NULL AND $12::text IS NULL) OR EXISTS (
                SELECT FROM seeds s
                WHERE s.shard_id = $1 AND s.seed_id = c.seed_id
                  AND ($11 IS NULL OR s.source = $11) AND ($12 IS NULL OR s.domain = $12)))
           AND CASE $13::text WHEN 'usable' THEN c.dropped IS NULL AND NOT c.rejected
                              WHEN 'dropped' THEN c.dropped IS NOT NULL
                              WHEN 'rejected' THEN c.rejected
                              ELSE true END
           AND ($14::text IS NULL OR $14 = ANY (c.flags))
           AND CASE WHEN $15::text = 'none' THEN c.verdict IS NULL
                    WHEN $15 IS NOT NULL THEN c.verdict = $15
                    ELSE true END
           AND (NOT $8::boolean OR {{picked}})) b ON true
