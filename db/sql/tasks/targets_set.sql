-- Which captions make up the numbers of dialogues that a run wants ($1 shard, $2 run, $3 token of the
-- targets task): of each task those with the lowest choice hashes, as many as are wanted and, of those
-- chosen so far, have failed, but never more than four times as many as are wanted: what nobody can
-- answer must not be asked about every caption. Moves the bounds, counts the round, opens the ranges
-- with new items again. Of a mix, what its shares have chosen is what is wanted.
WITH held AS (
    SELECT r.*
    FROM runs r
    JOIN tasks t ON t.shard_id = $1 AND t.run_id = r.run_id AND t.stage = 'targets'
        AND t.token = $3 AND t.state = 'leased'
    WHERE r.run_id = $2::uuid
), item AS MATERIALIZED (
    SELECT m.place, h.hash, h.hash < m.bound AS chosen, s.shard_id, s.seed_id,
           row_number() OVER (PARTITION BY m.place ORDER BY h.hash) AS n,
           h.hash < m.bound AND EXISTS (
               SELECT 1 FROM dialogues d
               WHERE d.shard_id = s.shard_id AND d.seed_id = s.seed_id AND d.caption_hash = c.hash
                 AND d.task = m.task AND d.recipe_id = r.dialogue_recipe) AS made
    FROM held r
    JOIN tasks k ON k.run_id = r.run_id
        AND k.stage = CASE WHEN 'captions' = ANY (r.stages) THEN 'captions' ELSE 'dialogues' END
    CROSS JOIN LATERAL (
        SELECT s.shard_id, s.seed_id
        FROM seeds s
        WHERE s.shard_id = k.shard_id AND s.seed_id BETWEEN k.lo AND k.hi
          AND s.created_at <= k.planned_at AND {{run_selects}}
        OFFSET 0 -- range by range, never a seed's range among all of its shard
    ) s
    JOIN LATERAL (
        SELECT DISTINCT ON (p.variant) p.variant, p.hash
        FROM captions p
        WHERE p.shard_id = s.shard_id AND p.seed_id = s.seed_id AND p.recipe_id = ANY (r.view)
          AND p.dropped IS NULL AND NOT p.rejected
        ORDER BY p.variant, array_position(r.view, p.recipe_id)
    ) c ON true
    CROSS JOIN LATERAL unnest(r.mix_tasks, r.mix_bounds) WITH ORDINALITY m(task, bound, place)
    CROSS JOIN LATERAL (
        SELECT sha256(convert_to('dialogue:' || m.task || replace(s.seed_id::text, '-', '') || '-'
                                 || encode(c.hash, 'hex'), 'UTF8')) AS hash) h
), wanted AS (
    SELECT m.place, m.bound, coalesce(r.targets[m.place], x.chosen) AS target, x.chosen,
           greatest(x.chosen, least(x.chosen + coalesce(r.targets[m.place], x.chosen) - x.made,
                                    4 * coalesce(r.targets[m.place], x.chosen))) AS upto
    FROM held r
    CROSS JOIN LATERAL unnest(r.mix_bounds) WITH ORDINALITY m(bound, place)
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE i.chosen) AS chosen,
                               count(*) FILTER (WHERE i.made) AS made
                        FROM item i WHERE i.place = m.place) x
), fresh AS (
    SELECT i.shard_id, i.seed_id
    FROM item i JOIN wanted w ON w.place = i.place
    WHERE i.n > w.chosen AND i.n <= w.upto
), moved AS (
    UPDATE runs r
    SET targets = (SELECT array_agg(w.target ORDER BY w.place) FROM wanted w),
        mix_bounds = (
            SELECT array_agg(CASE WHEN w.upto = w.chosen AND w.bound <> '' THEN w.bound
                                  ELSE coalesce(i.hash, '\xffffffffffffffffff') END ORDER BY w.place)
            FROM wanted w LEFT JOIN item i ON i.place = w.place AND i.n = w.upto + 1),
        top_up = CASE WHEN '' = ANY (r.mix_bounds) THEN r.top_up
                      WHEN EXISTS (SELECT 1 FROM fresh) THEN r.top_up - 1 ELSE 0 END,
        updated_at = now(), revision = r.revision + 1
    FROM held h
    WHERE r.run_id = h.run_id
), opened AS (
    UPDATE tasks t SET state = 'ready', lease_until = NULL, finished_at = NULL
    FROM (SELECT DISTINCT f.shard_id,
                 (SELECT x.lo FROM tasks x
                  WHERE x.shard_id = f.shard_id AND x.run_id = $2::uuid AND x.stage = 'dialogues'
                    AND x.lo <= f.seed_id
                  ORDER BY x.lo DESC LIMIT 1) AS lo
          FROM fresh f) x
    WHERE t.shard_id = x.shard_id AND t.run_id = $2::uuid AND t.stage = 'dialogues' AND t.lo = x.lo
      AND t.state = 'finished'
)
SELECT count(*) FROM fresh
